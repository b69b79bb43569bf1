"""No DAGs: an import error of this file says what is wrong with projects that have no DAGs."""

from medloom_airflow.projects import Projects

Projects.load().require_all()
