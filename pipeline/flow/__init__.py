"""The steps that the scheduler runs, the decision to retrain, and creating a project.

It imports the packages below; code that Airflow imports is in dags/. Start with `steps`.
"""
