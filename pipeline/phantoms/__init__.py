"""The kidney phantom, whose truth is known, and the recovery of that truth from images.

Start with `phantom.write_phantom` and `recovery.recover`.
"""
