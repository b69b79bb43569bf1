"""The `monitor` section of params.yaml."""

from pydantic import Field

from model.section import Section

FIGURES = ("kernel", "intensity")
"""Figures of drift of a class, by their names in `evaluation.revision_drift`; that needs torch, and
the watcher reads this section every few minutes without."""
_LEAST_PERMUTATIONS, _MOST_PERMUTATIONS = 4000, 20_000


class MonitorConfig(Section):
    """The `monitor` section of params.yaml: when a run of the monitor raises an alarm."""

    drift_false_alarms: float = Field(
        default=0.5,
        gt=0,
        le=10,
        description="false alarms of drift that are expected in a year without any, all classes "
        "together, at most",
    )
    runs_per_year: int = Field(
        default=52, ge=1, le=8784, description="runs of the monitor in a year, which share them"
    )
    redraw_images: int = Field(
        default=4, ge=0, le=64, description="images of each class that are drawn again; 0: none"
    )
    max_champion_age_days: float = Field(
        default=180.0, ge=0, description="days after which a champion is stale; 0: never"
    )
    most_refused: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="share of what arrived since the champion's data that may be refused; 1: any",
    )
    confidence: float = Field(
        default=0.99,
        gt=0.5,
        lt=1,
        description="of the lower bound (Wilson) that must exceed it, and of each end of intervals",
    )
    prometheus_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="port of 127.0.0.1 on which the app offers metrics to Prometheus; 0: none",
    )

    def drift_level(self, classes: int) -> float:
        """The error level of one test of drift.

        The year's false alarms are divided by all the tests of a year (Bonferroni): each run tests
        each figure of each class. The expected number of false rejections is the sum of the levels
        of the tests, however much these depend on each other.
        """
        return min(self.drift_false_alarms / (self.runs_per_year * classes * len(FIGURES)), 0.05)

    def drift_permutations(self, classes: int) -> int:
        """How many permutations a test at that level takes: five times as many as it needs."""
        wanted = int(5 / self.drift_level(classes)) + 1
        return min(max(wanted, _LEAST_PERMUTATIONS), _MOST_PERMUTATIONS)
