"""The DVC stages preprocess, train and evaluate, and running them for a run of the ledger.

A stage is a pure function of versioned inputs with a short `main()`; `run.run_stage` surrounds it
with workspace, lease and push. It imports `evaluation` and below.
"""
