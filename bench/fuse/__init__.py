"""Fusers trained on pairs of phantoms and scored beside rules on held-out patients."""
