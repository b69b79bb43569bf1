"""The last run of the monitor, and the draws of this host, for Prometheus.

They are served on a port of their own, to this machine alone: the app's pages ask who somebody is,
and Prometheus does not.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.base.errors import MedloomError
from pipeline.base.project import Project
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.project_params import ProjectParams
from pipeline.monitor.config import MonitorConfig
from pipeline.monitor.history import History
from pipeline.monitor.record import MonitorRecord
from pipeline.registry.draw_counts import drawn_so_far

ADDRESS = "127.0.0.1"
_LOG = logging.getLogger(__name__)


class MonitorMetrics(Collector):
    """Metrics of a project; each scrape reads the ledger."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def collect(self) -> Iterable[Metric]:
        """The metrics; without the last record if the ledger cannot be read."""
        drawn = CounterMetricFamily(
            "medloom_drawn_images", "Images drawn on this host.",
            labels=["source", "version", "class"],
        )  # fmt: skip
        for one in drawn_so_far(self._project.draws)[0]:
            drawn.add_metric([one.source, str(one.version), one.label], one.images)
        yield drawn
        try:
            last = History(Ledger(self._project)).last
        except (MedloomError, OSError) as error:
            _LOG.warning("the monitor's records cannot be read: %s", error)
            yield _gauge("medloom_monitor_readable", "Whether its records can be read.", 0)
            return
        yield _gauge("medloom_monitor_readable", "Whether its records can be read.", 1)
        if last:
            yield from _of(last)

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering reads no ledger."""
        return []


@contextmanager
def offered(project: Project) -> Iterator[int]:
    """Serve the metrics of a project for the block; yields the port, 0 where none is wanted.

    A port that is taken, or parameters that are wrong, are logged: nothing else depends on it.
    """
    registry = CollectorRegistry()
    try:
        port = ProjectParams.of(project).section("monitor", MonitorConfig).prometheus_port
        if not port:
            yield 0
            return
        registry.register(MonitorMetrics(project))
        server, thread = start_http_server(port, ADDRESS, registry)
    except (MedloomError, OSError) as error:
        _LOG.warning("no metrics are offered: %s", error)
        yield 0
        return
    try:
        yield port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _gauge(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, about, value=value)


def _of(record: MonitorRecord) -> Iterator[Metric]:
    yield _gauge(
        "medloom_monitor_run_timestamp_seconds", "Time of the monitor's last run.",
        datetime.fromisoformat(record.time).timestamp(),
    )  # fmt: skip
    alarms = GaugeMetricFamily("medloom_alarm", "Alarms that are on.", labels=["alarm"])
    for one in record.alarms:
        alarms.add_metric([one.key], 1)
    yield alarms
    if champion := record.champion:
        yield _gauge("medloom_champion_version", "Number of the champion.", champion.version)
        yield _gauge("medloom_champion_age_days", "Days since it is champion.", champion.days)
        yield _gauge("medloom_landed_images", "Images that landed since its data.", champion.landed)
        yield _gauge("medloom_test_split_looks", "Comparisons it served.", champion.looks_used)
        yield _gauge("medloom_test_split_looks_allowed", "Comparisons it may.", champion.looks)
    if record.redraw:
        differs = record.redraw.state in ("differs", "failed")
        yield _gauge("medloom_redraw_differs", "Whether images are drawn differently.", differs)
    if record.refused:
        shares = GaugeMetricFamily(
            "medloom_refused_share", "Refused of what arrived since.", labels=["bound"]
        )
        for bound in ("value", "low", "high"):
            shares.add_metric([bound], getattr(record.refused, bound))
        yield shares
    yield from _by_class(record)


def _by_class(record: MonitorRecord) -> Iterator[Metric]:
    drift = GaugeMetricFamily(
        "medloom_drift", "What landed against the champion's data: value, floor by chance, p.",
        labels=["class", "figure", "part"],
    )  # fmt: skip
    for one in record.drift:
        for figure in one.figures:
            for part in ("value", "floor", "p"):
                drift.add_metric([one.label, figure.name, part], getattr(figure, part))
    yield drift
    flagged = GaugeMetricFamily(
        "medloom_flagged_share", "Flawed of the judged images.", labels=["class", "bound"]
    )
    for flags in record.flags:
        for bound in ("value", "low", "high"):
            flagged.add_metric([flags.label, bound], getattr(flags.flawed, bound))
    yield flagged
