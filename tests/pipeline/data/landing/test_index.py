import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.base.errors import BadInputError
from pipeline.data.landing.index import Entry, LocalIndex, PendingFiles
from tests.support.pictures import NAMES, put


def entry(path: str, outcome: str = "ingested", reason: str = "", item: int = 0) -> Entry:
    name = NAMES.file(path)
    return Entry(name, item, 1, 2, outcome, "cyst", ".png", "s", "i", reason, "d", "b", "r")


@pytest.fixture
def index(tmp_path: Path) -> LocalIndex:
    return LocalIndex(tmp_path / "state" / "index.sqlite", NAMES)


def test_entries_come_back_with_odd_names(index: LocalIndex) -> None:
    odd = ["cyst/new\nline '\".png", os.fsdecode(b"cyst/\xff.png"), "ü"]
    index.record(entry(path) for path in odd)
    index.record([entry(odd[0])])
    assert index.entries() == sorted((entry(path) for path in odd), key=lambda e: e.key)
    assert index.of_path(odd[1]) == [entry(odd[1])]


def test_no_name_of_a_file_is_in_it(index: LocalIndex) -> None:
    index.record([entry("cyst/Jane Doe.png")])
    assert b"Jane" not in index.file.read_bytes()


def test_a_file_of_several_images_is_remembered_as_a_whole(index: LocalIndex) -> None:
    index.record([entry("a.zip", item=1), entry("a.zip", item=2), entry("b")])
    index.record([entry("a.zip", item=1)])
    assert {(e.file, e.item) for e in index.entries()} == {
        (NAMES.file("a.zip"), 1), (NAMES.file("b"), 0),
    }  # fmt: skip
    index.record([entry("a.zip", item=1), entry("a.zip", "quarantined", "growing", item=2)])
    assert [e.file for e in index.entries()] == [NAMES.file("b")]


def test_what_must_be_tried_again_is_forgotten(index: LocalIndex) -> None:
    index.record([entry("a"), entry("b")])
    index.record([entry("a", "quarantined", "growing"), entry("b", "quarantined", "conflict")])
    assert index.of_path("a") == []
    assert len(index.of_path("b")) == 1


def test_pending_counts_new_and_changed_files(index: LocalIndex, tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    times = {"a": 100, "b": 200, "c": 300}
    for name, seconds in times.items():
        os.utime(put(landing / "cyst" / name, b"x"), (seconds, seconds))
    put(landing / "cyst" / ".hidden", b"x")
    b, c = (NAMES.file(f"cyst/{name}") for name in "bc")
    index.record([Entry(b, 0, 1, 200 * 10**9, "ingested"), Entry(c, 0, 9, 0, "ingested")])
    pending = index.pending(landing)
    assert pending.count == 2
    index.record(
        Entry(NAMES.file(f"cyst/{n}"), 0, 1, s * 10**9, "ingested") for n, s in times.items()
    )
    assert index.pending(landing) == PendingFiles(0, None, None)


def test_a_file_waits_since_it_arrived_not_since_it_was_made(
    index: LocalIndex, tmp_path: Path
) -> None:
    old = put(tmp_path / "landing" / "cyst" / "a", b"x")
    os.utime(old, (100, 100))  # as a copy that keeps its original's time
    pending = index.pending(tmp_path / "landing")
    assert pending.oldest_arrival == pytest.approx(old.stat().st_ctime, abs=1e-3)
    assert pending.newest_arrival == pending.oldest_arrival


def test_a_file_that_is_no_index_says_to_delete_it(index: LocalIndex) -> None:
    put(index.file, b"not a database, but long enough to be looked at")
    with pytest.raises(BadInputError, match="delete it"):
        index.entries()


def test_whoever_opens_a_new_index_at_once_finds_the_same_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        for number in range(20):
            index = LocalIndex(tmp_path / f"{number}.sqlite", NAMES)
            assert list(pool.map(lambda _, index=index: index.entries(), range(8))) == [[]] * 8
