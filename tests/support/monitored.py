"""A project to monitor, made without a service: real images, and a champion that draws."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipeline.base.project import Project
from pipeline.flow.steps import ingest
from pipeline.ledger.chain import GENESIS, file_name
from pipeline.ledger.ledger import DATA, Ledger
from pipeline.monitor.alarms import find_alarms, follow
from pipeline.monitor.champion import share_of
from pipeline.monitor.config import MonitorConfig
from pipeline.monitor.record import (
    BRANCH,
    Alarm,
    ChampionState,
    ClassDrift,
    Draws,
    DriftFigure,
    Flags,
    MonitorRecord,
    Redraw,
)
from tests.support.generators import save_tiny_generator
from tests.support.pictures import encode, picture, put
from tests.support.shown import add_version, empty_project

CLASSES = ("cyst", "stone")


def monitored_project(folder: Path, patients: int = 24) -> Project:
    """Images of so many patients in two classes, and version 1, an untrained generator, champion.

    Changed parameters: none; add some to `params_file`.
    """
    project = empty_project(folder)
    land(project, patients)
    champion(project, folder, 1)
    return project


def champion(project: Project, folder: Path, number: int) -> None:
    """Make a version champion that learned the newest data."""
    work = folder / f"work-{number}"
    sha256 = save_tiny_generator(work / "models", CLASSES)
    data = Ledger(project).head(DATA)
    assert data
    add_version(project, work, number, sha256, "promoted", data=data)


def land(project: Project, patients: int, first: int = 0, brighter: int = 0) -> None:
    """Ingest one image of each class of some patients, numbered from `first` on."""
    for place, label in enumerate(CLASSES):
        for number in range(first, first + patients):
            pixels = picture(1000 * place + number).clip(brighter, 255)
            name = f"phantom-{place}{number:04d}-0.png"
            put(project.landing / label / name, encode(pixels))
    assert ingest(project).new == patients * len(CLASSES)


def write_past(project: Project, weeks: int, labels: tuple[str, ...] = CLASSES) -> None:
    """Records of weekly runs, as they might have been: the last class drifts in the end, and the
    last redraw differs. Their alarms are what the monitor decides.
    """
    start, previous, files = datetime(2026, 1, 5, 9, tzinfo=UTC), GENESIS, {}
    on: list[Alarm] = []
    for week in range(weeks):
        now = (start + timedelta(weeks=week)).isoformat(timespec="seconds")
        facts = _week(week, weeks, labels, start.isoformat(timespec="seconds"))
        on = follow(find_alarms(MonitorConfig(), **facts), on, now).on
        drawn = [
            Draws(source="app", version=3, label=label, images=(40 + 7 * place) * week)
            for place, label in enumerate(labels)
        ]
        record = MonitorRecord.write(
            sequence=week + 1, previous=previous, time=now, draws=[d.model_dump() for d in drawn],
            alarms=[one.model_dump() for one in on],
            **{name: _plain(value) for name, value in facts.items()},
        )  # fmt: skip
        previous = record.sha256
        files[f"{BRANCH}/{file_name(week + 1)}"] = record.written.decode()
    Ledger(project).commit_files(BRANCH, None, files, "past runs")


def _week(week: int, weeks: int, labels: tuple[str, ...], since: str) -> dict[str, Any]:
    level, late = MonitorConfig().drift_level(len(labels)), week >= weeks - 3
    drift = []
    for place, label in enumerate(labels):
        drifts = late and place == len(labels) - 1
        wave = ((week * 7 + place * 5) % 11) / 11
        kernel, floor = 0.01 + 0.02 * wave + 0.12 * drifts, 0.06 + 0.5 / (8 + week)
        grey = (wave - 0.5) * 4 + 9 * drifts
        drift.append(
            ClassDrift(
                label=label, earlier=400, landed=25 + 11 * week,
                figures=[
                    DriftFigure(name="kernel", value=kernel, floor=floor,
                                p=0.0002 if drifts else 0.2 + 0.7 * wave, level=level),
                    DriftFigure(name="intensity", value=grey, floor=6.0,
                                p=0.0002 if drifts else 0.3 + 0.6 * wave, level=level),
                ],
            )
        )  # fmt: skip
    differs = week == weeks - 1
    redraw = Redraw(
        state="differs" if differs else "equal" if week else "first", version=3,
        weights_sha256="w" * 64, pixels={f"{label}-{n}": "p" for label in labels for n in range(4)},
        host={"name": "gpu-1", "torch": "2.15" if differs else "2.14"}, against=1 if week else 0,
        differing=[f"{labels[0]}-1"] if differs else [],
        changed={"torch": ["2.14", "2.15"]} if differs else {},
        share_apart=0.0021 if differs else None, most_apart=1 if differs else None,
    )  # fmt: skip
    judged = 6 + 4 * week
    flags = [
        Flags(label=label, flawed=share_of(judged // (4 + 2 * place), judged, 0.99), flaggers=2,
              readers=4, asks=False)
        for place, label in enumerate(labels)
    ]  # fmt: skip
    return {
        "champion": ChampionState(
            version=3, since=since, days=7.0 * week, landed=(25 + 11 * week) * len(labels), left=0,
            verdicts={"inconclusive": week // 8}, looks_used=1 + week // 8, looks=20,
        ),
        "drift": drift,
        "redraw": redraw,
        "refused": share_of(4 + week // 2, 110 + 44 * week, 0.99),
        "flags": flags,
    }  # fmt: skip


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.model_dump() if isinstance(value, BaseModel) else value
