"""A class-conditional variational autoencoder (Kingma and Welling 2013, arXiv 1312.6114).

The standard baseline: it covers the data but blurs it. Benchmarks compare it with the GAN at the
same budget.
"""
