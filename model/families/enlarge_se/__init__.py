"""An enlarger that weighs its channels, after Bing et al. 2019 (IEEE Access, 2944862).

EDSR's residual blocks (Lim et al. 2017, arXiv 1707.02921) without normalisation, scaled by 0.1,
with a squeeze-and-excitation whose weights may strengthen a channel as well as weaken it, and a
loss that joins pixels, low-level features and a critic.
"""
