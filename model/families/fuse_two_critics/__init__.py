"""A fuser with a critic for each image, after MGMDcGAN (Huang et al. 2020, IEEE Access 8, 55145).

The first image is structural, the second functional: the first critic compares with it at full
size, the second with the second image at a quarter of the size. Content terms keep the edges of the
first and the coarse greys of the second.
"""
