"""Edits towards a class: how many images become of it, and how much of their trunk stays."""
