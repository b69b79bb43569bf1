import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.errors import BadInputError
from pipeline.ingest.index import Entry, LocalIndex, PendingFiles
from tests.pipeline.ingest.pictures import put


def entry(path: str, outcome: str = "ingested", reason: str = "") -> Entry:
    return Entry(path, 1, 2, outcome, "cyst", "s", "i", reason, "d", "b", "r")


@pytest.fixture
def index(tmp_path: Path) -> LocalIndex:
    return LocalIndex(tmp_path / "state" / "index.sqlite")


def test_entries_come_back_with_odd_names(index: LocalIndex) -> None:
    entries = [entry("cyst/new\nline '\".png"), entry(os.fsdecode(b"cyst/\xff.png")), entry("ü")]
    index.record(entries)
    index.record(entries[:1])
    assert index.entries() == {e.path: e for e in entries}


def test_what_must_be_tried_again_is_forgotten(index: LocalIndex) -> None:
    index.record([entry("a"), entry("b")])
    index.record([entry("a", "quarantined", "growing"), entry("b", "quarantined", "conflict")])
    assert list(index.entries()) == ["b"]


def test_pending_counts_new_and_changed_files(index: LocalIndex, tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    times = {"a": 100, "b": 200, "c": 300}
    for name, seconds in times.items():
        os.utime(put(landing / "cyst" / name, b"x"), (seconds, seconds))
    put(landing / "cyst" / ".hidden", b"x")
    index.record([Entry("cyst/b", 1, 200 * 10**9, "ingested"), Entry("cyst/c", 9, 0, "ingested")])
    pending = index.pending(landing)
    assert pending.count == 2
    index.record(Entry(f"cyst/{n}", 1, s * 10**9, "ingested") for n, s in times.items())
    assert index.pending(landing) == PendingFiles(0, None, None)


def test_a_file_waits_since_it_arrived_not_since_it_was_made(
    index: LocalIndex, tmp_path: Path
) -> None:
    before = time.time() - 1
    old = put(tmp_path / "landing" / "cyst" / "a", b"x")
    os.utime(old, (100, 100))  # as a copy that keeps its original's time
    pending = index.pending(tmp_path / "landing")
    assert pending.oldest_arrival is not None
    assert pending.newest_arrival is not None
    assert before < pending.oldest_arrival <= pending.newest_arrival < time.time() + 1


def test_a_file_that_is_no_index_says_to_delete_it(index: LocalIndex) -> None:
    put(index.file, b"not a database, but long enough to be looked at")
    with pytest.raises(BadInputError, match="delete it"):
        index.entries()


def test_whoever_opens_a_new_index_at_once_finds_the_same_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        for number in range(20):
            index = LocalIndex(tmp_path / f"{number}.sqlite")
            assert list(pool.map(lambda _, index=index: index.entries(), range(8))) == [{}] * 8
