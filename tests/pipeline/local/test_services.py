"""Who may start a private MLflow server."""

import pytest

from pipeline.base.errors import BadInputError
from pipeline.base.settings import Settings
from pipeline.local import services


def test_a_schedulers_task_never_starts_an_mlflow_server(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDLOOM_RUN_ID", "manual__1")
    with (
        pytest.raises(BadInputError, match="set MEDLOOM_MLFLOW_URI"),
        services.mlflow(settings),
    ):
        pass
    assert not (settings.state / "mlflow").exists()
