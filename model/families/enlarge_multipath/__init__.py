"""An enlarger of several paths, after Ahmad et al. 2022 (Scientific Reports 12, 9533).

Parallel convolutions of 3, 5 and 7 px, a residual trunk without batch normalisation, twice, a small
residual network, twice again; absolute error, a critic, and a term for large errors. The trunk is
shaped as ResNet34's and narrower, for CPUs.
"""
