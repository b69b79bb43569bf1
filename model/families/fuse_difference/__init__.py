"""A fuser guided by how features of the two images differ, after FDGNet (Zhang et al. 2023).

Biomedical Signal Processing and Control 81, 104545. One encoder for both images; the difference of
their features says where one shows what the other lacks. Losses are of intensities, of the stronger
gradient, and of structure. No critic.
"""
