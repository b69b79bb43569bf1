"""Data sets that medloom makes itself, with the truth of each image."""

PHANTOM_FILE = "data/PHANTOM"
"""In a data revision of phantoms, and in no other."""
