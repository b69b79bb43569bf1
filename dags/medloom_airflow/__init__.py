"""The schedule, as Airflow sees it: tasks are `medloom` commands.

Airflow's environment needs nothing of medloom beside this package, which imports Airflow and the
standard library alone. MEDLOOM_COMMAND says how `medloom` is run there (`command.py`). Each of
`retrain`, `watch` and `promote` builds one DAG; `medloom_dags.py` beside this package asks for all.
"""
