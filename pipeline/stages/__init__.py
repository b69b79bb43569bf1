"""The DVC stages preprocess, train and evaluate, and running them for a run.

A stage is a pure function of versioned inputs with a short `main()`; `run.run_stage` runs it in a
workspace under a lease and pushes the result. It imports `evaluation` and below.
"""
