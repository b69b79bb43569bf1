"""Parse the DAG file as Airflow's DAG processor does, and print the CPU seconds as JSON.

It runs in Airflow's environment. The processor has imported Airflow already when it parses a file.
"""

import importlib
import json
import sys
import time

import croniter  # noqa: F401 - imported before the clock starts, as by the processor
from airflow.sdk import DAG

from pipeline.base.project import PROJECT_ROOT

if __name__ == "__main__":
    sys.path.insert(0, str(PROJECT_ROOT / "dags"))
    started = time.process_time()
    found = vars(importlib.import_module("medloom_dags"))
    seconds = time.process_time() - started
    dags = sum(isinstance(one, DAG) for one in found.values())
    print(json.dumps({"seconds": seconds, "dags": dags}))
