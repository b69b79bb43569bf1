"""The ledger: git branches, DVC objects, runs, leases and the journal.

It imports only `base` and knows nothing of images. Start with `Ledger`, `Run`, `Journal` and
`hold_lease`.
"""
