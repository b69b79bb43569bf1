"""From decoded images to a new batch of a data revision: duplicates, groups, splits, quarantine.

Start with `run.ingest`, a function of a landing zone and a workspace.
"""
