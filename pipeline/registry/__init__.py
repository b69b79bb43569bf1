"""The one door to MLflow: versions in, versions out, aliases, and drawing from a version.

It decides nothing: the journal does. It imports `data` and below. Start with `Registry`.
"""
