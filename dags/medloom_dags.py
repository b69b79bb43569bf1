"""The DAGs of medloom, one set for each project; `medloom_airflow` builds them.

Airflow adds this folder to the path, whether it is DAGS_FOLDER or the subfolder of a DAG bundle.
What is wrong with a project is an import error of `medloom_projects.py`, so that the others run.
"""

from airflow.sdk import get_parsing_context

from medloom_airflow import monitor, promote, retrain, watch
from medloom_airflow.projects import Projects

# A task needs its own DAG alone.
_wanted = get_parsing_context().dag_id
for _project in Projects.load().usable:
    for _module in (retrain, watch, promote, monitor):
        if _wanted in (None, _project.id(_module.ID)):
            globals()[_project.id(_module.ID)] = _module.build(_project)
