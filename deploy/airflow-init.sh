#!/bin/sh
# Before Airflow starts: migrate its database, make the first account and the pool of the trainings.
set -eu
airflow db migrate
# The password goes in by the standard input of the prompt, not by the command line.
printf '%s\n%s\n' "${AIRFLOW_ADMIN_PASSWORD:?}" "$AIRFLOW_ADMIN_PASSWORD" |
  airflow users create --username admin --role Admin --firstname medloom --lastname admin --email admin@localhost
airflow pools set medloom_train "${MEDLOOM_TRAININGS:-1}" "trainings at a time"
