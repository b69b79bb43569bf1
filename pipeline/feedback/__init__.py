"""What people say about images, and what follows from it.

Owns the chain of opinions in the ledger's branch `feedback` (`opinions.py`) and the rules by which
opinions ask for a retraining (`rules.py`). An opinion holds no pixels and no names: an image is
named by what it was drawn from. It decides nothing by itself: `pipeline.flow.planning` asks
`wish_of`, and `watch` starts the run.
"""
