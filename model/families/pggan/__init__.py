"""Progressive growing (Karras et al. 2018, arXiv 1710.10196), with findings made beside images.

Beers et al. 2018 (arXiv 1805.03144): G makes an image and, as further channels, where its findings
are; D judges both together. Without annotated images it is plain progressive growing.
"""
