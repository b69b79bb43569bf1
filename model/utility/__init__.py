"""The utility of synthetic data for training: the same classifier with and without it."""
