"""Stochastic image models with known truth, to test metrics and recipes."""
