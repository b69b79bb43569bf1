"""Every DAG of medloom: the one file that Airflow reads; `medloom_airflow` beside it builds them.

Airflow puts this folder on the path, be it its DAGS_FOLDER or the subfolder of a bundle.
"""

from medloom_airflow import promote, retrain, watch

retrain_generator = retrain.build()
watch_landing = watch.build()
promote_generator = promote.build()
