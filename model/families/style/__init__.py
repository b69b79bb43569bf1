"""A style-based generator, whose images are edited in the space W of their styles.

A small network maps z and the class to a vector w, which scales the channels of every convolution
(StyleGAN2, Karras et al. 2020, arXiv 1912.04958). It is trained as `rpgan` is. Directions in W turn
one class into another, as Kim (2022) does with medical images, or follow what the network varies
most (SeFa, Shen and Zhou 2021, arXiv 2007.06600).
"""
