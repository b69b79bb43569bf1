"""Register a finished run as a version, judge it, and promote it if the gate allows.

`gate` is a pure function. `judge` collects its inputs. `champion` appends the decision to the
journal and updates the aliases. Start with `judge.register` and `judge.promote`.
"""
