"""The software and hardware that figures were made with, without identifying the machine."""

import os
import platform
from importlib.metadata import version


def describe_environment() -> dict[str, str]:
    """Package versions and machine type, for the registry and the report."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "cpus": str(os.cpu_count()),
        **{name: version(name) for name in ("torch", "mlflow", "dvc", "apache-airflow")},
    }
