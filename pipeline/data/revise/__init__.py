"""What people decide about images that are in, as new data revisions: relabel, withdraw, release.

Start with `relabel`, `withdraw` and `purge`; `diff` tells two revisions apart.
"""
