"""Data sets that medloom makes itself, with the truth of each image."""
