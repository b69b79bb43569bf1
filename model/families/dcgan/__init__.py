"""The original DCGAN (Radford et al. 2015, arXiv 1511.06434), a baseline for benchmarks.

Only the class is added, as in conditional GANs (Mirza and Osindero 2014, arXiv 1411.1784): an
embedding concatenated to z, and one as another plane of D's input.
"""
