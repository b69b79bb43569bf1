"""The Airflow DAGs, whose tasks are `medloom` commands.

This package imports only Airflow and the standard library, so Airflow's environment needs nothing
else of medloom. MEDLOOM_COMMAND names the command to run (`command.py`). `retrain`, `watch`,
`promote` and `monitor` each build one DAG, which `medloom_dags.py` collects.
"""
