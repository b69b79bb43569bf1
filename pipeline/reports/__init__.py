"""Write HTML reports: `run` is the model card of a run, `data` the report on a data revision.

It reads ledger, remote and registry, and changes nothing.
"""
