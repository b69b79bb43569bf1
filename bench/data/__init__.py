"""Stochastic image models with known truth, which figures and recipes are tried on."""
