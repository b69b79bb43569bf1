"""The Airflow DAGs, whose tasks are `medloom` commands.

This package imports only Airflow, what Airflow itself needs, and the standard library, so Airflow's
environment needs nothing of medloom. `retrain`, `watch`, `promote` and `monitor` each build one DAG
of a project (`projects.py`); `medloom_dags.py` collects them.
"""
