"""DCGAN as in the textbook (Radford et al. 2015, arXiv 1511.06434): a rival for benchmarks.

Only the class is added, as in conditional GANs (Mirza and Osindero 2014, arXiv 1411.1784): an
embedding joined to z, and one as a further plane of D's input.
"""
