"""Feeding the landing zone: complete files, none overwritten, the source untouched."""

import os
from pathlib import Path

import pytest

from pipeline.base.errors import BadInputError
from pipeline.data.arrive.feed import FeedReport, feed


def make(folder: Path, **files: bytes) -> Path:
    for name, content in files.items():
        path = folder / "stone" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def test_a_second_feed_copies_nothing(tmp_path: Path) -> None:
    source, landing = make(tmp_path / "in", a=b"1", b=b"2"), tmp_path / "landing"
    assert feed(source, landing) == FeedReport(2, 0)
    assert feed(source, landing) == FeedReport(0, 2)
    assert (landing / "stone" / "a").stat().st_mtime_ns == (
        source / "stone" / "a"
    ).stat().st_mtime_ns


def test_other_content_under_the_same_name_is_copied_beside(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    feed(make(tmp_path / "one", x=b"first"), landing)
    assert feed(make(tmp_path / "two", x=b"second"), landing).copied == 1
    assert feed(make(tmp_path / "two", x=b"second"), landing).copied == 0
    contents = sorted(file.read_bytes() for file in (landing / "stone").iterdir())
    assert contents == [b"first", b"second"]


def test_links_stay_links_and_pipes_stay_where_they_are(tmp_path: Path) -> None:
    source, landing = make(tmp_path / "in", a=b"1"), tmp_path / "landing"
    secret = tmp_path / "secret"
    secret.write_bytes(b"not for landing")
    (source / "stone" / "link").symlink_to(secret)
    (source / "stone" / "folder").symlink_to(tmp_path)
    os.mkfifo(source / "stone" / "pipe")
    feed(source, landing)
    assert (landing / "stone" / "link").is_symlink()
    assert (landing / "stone" / "folder").is_symlink()
    assert not (landing / "stone" / "pipe").exists()


def test_odd_names_arrive_as_they_are(tmp_path: Path) -> None:
    names = ["a b.png", "quo\"te's.png", "nier\u00e9\n.png"]
    source = make(tmp_path / "in", **dict.fromkeys(names, b"x"))
    feed(source, tmp_path / "landing")
    assert sorted(p.name for p in (tmp_path / "landing" / "stone").iterdir()) == sorted(names)


@pytest.mark.parametrize("what", ["missing", "flat"])
def test_a_source_without_class_folders(tmp_path: Path, what: str) -> None:
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "a.png").write_bytes(b"1")
    with pytest.raises(BadInputError, match="folder"):
        feed(tmp_path / what, tmp_path / "landing")
