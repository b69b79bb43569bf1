"""From a finished run to a version, a verdict and, when it is earned, a champion.

`gate` is a pure function; `judge` gathers what it needs; `champion` appends to the journal and
projects it. It imports `stages`, `registry` and below. Start with `judge.register` and `promote`.
"""
