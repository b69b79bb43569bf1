"""Operations on one machine: starting and stopping Airflow and MLflow, backup, cleaning.

It imports `ledger` and `base`. Start with `services.up`.
"""
