"""What Prometheus reads: the last run, the draws, and nothing where nothing is wanted."""

import socket
from pathlib import Path

import pytest
import requests

from pipeline.base.project import Project
from pipeline.ledger.ledger import Ledger
from pipeline.local.processes import free_port
from pipeline.monitor.metrics import offered
from pipeline.monitor.record import BRANCH
from pipeline.registry.draw_counts import DrawCounter
from tests.support.monitored import write_past
from tests.support.pictures import put
from tests.support.shown import empty_project


@pytest.fixture
def quiet(tmp_path: Path) -> Project:
    return empty_project(tmp_path)


def wanted(project: Project) -> int:
    port = free_port()
    put(project.params_file, f"monitor:\n  prometheus_port: {port}\n".encode())
    return port


def scraped(port: int) -> dict[str, float]:
    answer = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=60)
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_the_last_run_and_the_draws_are_read(quiet: Project) -> None:
    write_past(quiet, 12)
    port = wanted(quiet)
    counter = DrawCounter.of(quiet, "app")
    with offered(quiet) as on:
        assert on == port
        counter.count(3, ["stone", "stone"])
        found = scraped(port)
        assert found["medloom_monitor_readable"] == 1
        assert found['medloom_alarm{alarm="drift:stone"}'] == 1
        assert found["medloom_champion_age_days"] == 77
        assert found["medloom_redraw_differs"] == 1
        drift = 'medloom_drift{class="stone",figure="kernel",part="%s"}'
        assert found[drift % "value"] > found[drift % "floor"]
        assert 'medloom_flagged_share{bound="high",class="cyst"}' in found
        drawn = 'medloom_drawn_images_total{class="stone",source="app",version="3"}'
        assert found[drawn] == 2
        counter.count(3, ["stone"])
        assert scraped(port)[drawn] == 3
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0, "it ends with the server"


def test_none_is_offered_by_default_or_where_the_port_is_taken(quiet: Project) -> None:
    with offered(quiet) as port:
        assert port == 0
    port = wanted(quiet)
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        with offered(quiet) as on:
            assert on == 0
    put(quiet.params_file, b"monitor:\n  prometheus_port: many\n")
    with offered(quiet) as on:
        assert on == 0


def test_a_broken_chain_is_a_metric(quiet: Project) -> None:
    ledger = Ledger(quiet)
    ledger.commit_files(BRANCH, None, {f"{BRANCH}/000001.json": "{}\n"}, "no record")
    port = wanted(quiet)
    with offered(quiet):
        assert scraped(port) == {"medloom_monitor_readable": 0}
