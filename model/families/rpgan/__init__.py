"""A GAN with the relativistic pairing loss, for small grey sets on little compute.

The loss and the two gradient penalties are R3GAN's (Huang et al. 2024, arXiv 2501.05441); the
networks are dense and narrow, which is fast on CPUs; a mode-seeking term (Mao et al. 2019, arXiv
1903.05628) keeps the images of a class apart in short trainings.
"""
