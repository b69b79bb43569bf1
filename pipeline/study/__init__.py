"""Reader studies: whether people tell a version's images from real ones (visual Turing tests).

Owns the chain of each study in the ledger's branch `study/<name>` (`records.py`): the plan with all
trials, each look at an image, each answer. `create.py` makes a study, `course.py` leads one reader
through it, `results.py` says what the answers show. A study informs; no gate asks it.
"""
