"""Data sets with known truth that medloom makes itself, and recovering that truth from images.

It imports `base` and `model.section`. Start with `built_in.BUILT_IN` and `recovery`.
"""
