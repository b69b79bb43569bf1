"""What figures were made with, without a word of whose machine it is."""

import os
import platform
from importlib.metadata import version


def describe_environment() -> dict[str, str]:
    """Versions and kind of machine, for the registry and the report."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "cpus": str(os.cpu_count()),
        **{name: version(name) for name in ("torch", "mlflow", "dvc", "apache-airflow")},
    }
