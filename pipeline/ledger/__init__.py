"""The authority on what was learned from what: git branches, DVC's objects, runs and the journal.

It imports `base` alone and knows no image. Start with `Ledger`, `Run`, `Journal` and `hold_lease`.
"""
