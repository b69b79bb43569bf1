"""From generated and held-out images to figures, each with its protocol and its floor.

A module a kind of figure; `score.score_images` calls them, `record` is what they are written to.
It imports `data` and below, and knows no registry and no champion.
"""
