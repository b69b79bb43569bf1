"""Services of one machine: Airflow and MLflow up and down, backup, cleaning.

It imports `ledger` and `base`; nothing that runs on a worker needs it. Start with `services.up`.
"""
