"""Pages for people: `run` is the model card of a run, `data` the report about a data revision.

It reads ledger, remote and registry and changes nothing.
"""
