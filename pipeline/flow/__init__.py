"""The steps that a scheduler runs, whether to retrain now, and beginning a project.

It imports all below; what Airflow itself imports lies in dags/. Start with `steps`.
"""
