"""A class-conditional variational autoencoder (Kingma and Welling 2013, arXiv 1312.6114).

What anyone would try first: it covers the data and blurs it. It stands beside the GAN in reports
as the rival of the same budget.
"""
