"""What happens between retrainings, measured on a schedule, and the alarms that follow.

Owns the chain of monitor records in the ledger's branch `monitor` (`record.py`, `history.py`). One
run (`run.py`) measures drift, a redraw, the champion's age, draws, refusals and flags, decides the
alarms (`alarms.py`) and tells the webhook of new ones. It only looks: no alarm starts or stops
anything.
"""
