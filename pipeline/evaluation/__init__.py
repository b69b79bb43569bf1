"""Measure generated against held-out images: figures, each with its protocol and its floor.

One module per kind of figure; `score.score_images` calls them, and `record` holds the results.
It imports `data` and below, and knows neither registry nor champion.
"""
