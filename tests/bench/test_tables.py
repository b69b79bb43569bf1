"""The tables of `medloom bench` at 80 columns: nothing is cut, every name is whole."""

from dataclasses import replace
from typing import Any

import pytest

from bench.audit_scale import AuditScale, Timing
from bench.audit_table import audit_table
from bench.contest import Standing
from bench.faults.tables import TABLES
from bench.gate import GateBench
from bench.gate_rows import DecisionRate
from bench.gate_tables import gate_tables
from bench.overhead import Overhead
from bench.overhead_table import overhead_table
from bench.reading.adding import Adding
from bench.reading.speed import Speed
from bench.reading.tables import adding_table, speed_table
from bench.tables import contest_table
from tests.bench.faults.test_cli import BAD, GOOD
from tests.support.terminals import shown_at_80


@pytest.mark.parametrize("part", TABLES)
def test_faults(part: str) -> None:
    shown_at_80(TABLES[part]([GOOD[part], BAD[part]]))


def test_a_long_row_of_a_crash_is_whole() -> None:
    crash = replace(BAD["crashes"], differences=("objects: 1 is 2 " * 9,))
    said = shown_at_80(TABLES["crashes"]([crash]), "before git push (2)", "BROKEN")
    assert said.count("objects:") == 9


def test_contest() -> None:
    facts: dict[str, Any] = {
        "seeds": 2, "images_seen": 1e5, "speed": 123.0, "minutes": 10.0, "kernel_distance": 0.123,
        "low": 0.1, "high": 0.15, "floor": 0.01, "over_floor": 0.113, "ms_ssim": 0.4,
        "ms_ssim_real": 0.41, "distance_ratio": 0.5, "speed_ratio": 2.0, "overtaken_minutes": 2.5,
    }  # fmt: skip
    standings = [Standing(name=name, **facts) for name in ("medloom", "a-long-rival-of-the-past")]
    names = ("a-long-rival-of-the-past", "0.123 [0.100, 0.150]", "0.50 of it", "2.0 x", "2.5 min")
    shown_at_80(contest_table(standings), *names)


def test_gate() -> None:
    case = "the generator draws copies of training images in one class of four"
    rows = tuple(
        DecisionRate(part=part, case=case, counted="promoted", count=3, trials=2000,
                     bound="at most", stated=0.05, groups=15, difference=0.1, margin=0.01)
        for part in ("comparison", "improvement", "copies")
    )  # fmt: skip
    said = shown_at_80(gate_tables(GateBench(groups=15, images=300, rows=rows)), case)
    assert said.count(case) == len(rows)


def test_the_others() -> None:
    timing = Timing(question="which versions used this group, of 1,000", inside=0.1, command=1.2,
                    answer="300 versions and 40 data revisions, none of them champion")  # fmt: skip
    found = AuditScale(versions=1000, revisions=100, images=100000, made=12.0, timings=(timing,))
    shown_at_80(audit_table(found), "0.100 s", "1.20 s")
    overhead = Overhead(
        images=1600, kimg=2.0, services_up=20.0, services_down=3.0, run=100.0,
        tasks={"preprocess": 3.0}, bare={"preprocess": 2.0}, nothing_new=9.0, backup=3.0,
        restore=3.0, megabytes=50.0, same=False,
    )  # fmt: skip
    shown_at_80(overhead_table(overhead), "preprocess", "a difference")
    speed = Speed("DICOM, JPEG 2000 lossless", 2000, 512, 400.0, 300.0, 1.2)
    shown_at_80(speed_table([speed]), "DICOM, JPEG 2000 lossless", "75%")
    shown_at_80(adding_table(Adding(50000, 100, 300.0, 900.0, 12.0, 800.0, 4.0)), "50000")
