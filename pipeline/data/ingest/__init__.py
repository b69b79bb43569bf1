"""Turn decoded images into a new batch: duplicates, groups, splits and quarantine.

Start with `run.ingest`, a function of a landing zone and a workspace.
"""
