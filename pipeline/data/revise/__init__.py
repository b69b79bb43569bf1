"""Revise data by people's decisions, as new data revisions: relabel, withdraw, release, purge.

Start with `relabel`, `withdraw` and `purge`; `diff` compares two revisions.
"""
