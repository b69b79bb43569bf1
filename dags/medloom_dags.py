"""The DAG file of medloom, the only one that Airflow parses; `medloom_airflow` builds the DAGs.

Airflow adds this folder to the path, whether it is DAGS_FOLDER or the subfolder of a DAG bundle.
"""

from medloom_airflow import monitor, promote, retrain, watch

retrain_generator = retrain.build()
watch_landing = watch.build()
promote_generator = promote.build()
monitor_generator = monitor.build()
