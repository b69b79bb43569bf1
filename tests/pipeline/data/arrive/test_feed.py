"""Feeding the landing zone: complete files, none overwritten, the source untouched."""

import os
from pathlib import Path

import pytest

from pipeline.base.errors import BadInputError
from pipeline.data.arrive.feed import FeedReport, apply_plan, feed
from pipeline.data.arrive.feed_plan import open_source, plan_feed
from pipeline.data.arrive.patient_from import PatientsFrom
from pipeline.data.landing.lists import read_list
from pipeline.data.landing.zone import scan
from tests.support.pictures import encode, picture, put


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


def test_boxes_and_masks_follow_their_images_below_the_class(tmp_path: Path) -> None:
    source, landing = tmp_path / "export", tmp_path / "landing"
    for label in ("cyst", "stone"):
        put(source / "SET" / "images" / label / f"{label}.png", encode(picture(len(label))))
        put(source / "SET" / "labels" / label / f"{label}.txt", b"0 .5 .5 .1 .1")
        put(source / "SET" / "masks" / label / f"{label}.png", encode(picture(3) // 200))
    put(source / "SET" / "annotations" / "instances_all.json", b"{}")
    put(source / "SET" / "data.yaml", b"names: [stone]")
    feed(source, landing)
    found = {one.path: [each.file.path for each in one.beside] for one in scan(landing)[0]}
    assert found == {
        f"{label}/{label}.png": [
            f"{label}/labels/{label}.txt", f"{label}/masks/{label}.png", "data.yaml",
            "instances_all.json",
        ]
        for label in ("cyst", "stone")
    }  # fmt: skip


def test_boxes_and_masks_need_no_patient_and_no_row(tmp_path: Path) -> None:
    source, landing = tmp_path / "export", tmp_path / "landing"
    for label in ("cyst", "stone"):
        put(source / label / "HX1-a.png", encode(picture(len(label))))
        put(source / label / "HX1-a_mask.png", encode(picture(3) // 200))
        put(source / label / "annotations.json", b"{}")
    put(source / "medloom.csv", b'file,findings\nstone/HX1-a.png,"stone:.1,.1,.2,.2"\n')
    plan = plan_feed(
        open_source(str(source)), landing, patients=PatientsFrom.parse("(?P<patient>HX[0-9]+)-")
    )
    assert [planned.path for planned in plan.files if planned.line] == [
        "cyst/HX1-a.png", "stone/HX1-a.png",
    ]  # fmt: skip
    assert plan.lost == ()
    apply_plan(plan, landing)
    (line,) = read_list(landing / "stone" / "medloom.csv")
    assert (line["patient"], line["findings"]) == ("HX1", "stone:.1,.1,.2,.2")
