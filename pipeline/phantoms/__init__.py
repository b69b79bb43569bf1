"""The kidney phantom, whose truth is known, and recovering that truth from images.

It imports `base` and `model.section`. Start with `phantom.write_phantom` and `recovery`.
"""
