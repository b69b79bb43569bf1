import os
from pathlib import Path

import pytest

from pipeline.base.errors import BadInputError
from pipeline.data.landing.zone import LandedFile, open_stable, read_whole, scan
from pipeline.data.refusal import Refused
from tests.support.pictures import put


def read_stable(landing: Path, found: LandedFile, most: int) -> bytes:
    with open_stable(landing, found) as stream:
        return read_whole(stream, found, most)


def reasons(landing: Path) -> dict[str, str]:
    return {f.path: f.refused.reason if f.refused else "" for f in scan(landing)[0]}


def test_the_class_is_the_first_folder_normalised(tmp_path: Path) -> None:
    put(tmp_path / " Kidney-Stone" / "2024" / "a.png", b"x")
    put(tmp_path / "cyst" / "b.png", b"x")
    assert [(f.path, f.label) for f in scan(tmp_path)[0]] == [
        (" Kidney-Stone/2024/a.png", "kidney-stone"),
        ("cyst/b.png", "cyst"),
    ]


def test_folders_with_invalid_class_names_are_refused(tmp_path: Path) -> None:
    put(tmp_path / "loose.png", b"x")
    put(tmp_path / "Jane Doe" / "a.png", b"x")
    put(tmp_path / "-x" / "a.png", b"x")
    assert reasons(tmp_path) == {
        "loose.png": "",  # it may be an archive, whose members give their classes
        "Jane Doe/a.png": "bad-class",
        "-x/a.png": "bad-class",
    }
    assert all("Jane" not in f.refused.detail for f in scan(tmp_path)[0] if f.refused)


def test_hidden_system_and_sidecar_files_are_counted_and_ignored(tmp_path: Path) -> None:
    for name in (".a.png.part", "Thumbs.db", "a.truth.json", "a.png.synthetic.json"):
        put(tmp_path / "cyst" / name, b"x")
    put(tmp_path / ".git" / "config", b"x")
    put(tmp_path / "cyst" / "a.png", b"x")
    found, ignored = scan(tmp_path)
    assert [(f.path, f.sidecar) for f in found] == [("cyst/a.png", True)]
    assert ignored == {"hidden": 2, "sidecar": 2, "system": 1}


def test_links_and_pipes_are_refused_unopened(tmp_path: Path) -> None:
    outside = put(tmp_path / "outside" / "secret.png", b"x")
    landing = tmp_path / "landing"
    (landing / "cyst").mkdir(parents=True)
    (landing / "cyst" / "link.png").symlink_to(outside)
    (landing / "cyst" / "broken.png").symlink_to("nowhere")
    (landing / "stone").symlink_to(outside.parent, target_is_directory=True)
    os.mkfifo(landing / "cyst" / "pipe.png")  # opening it would block for ever
    assert reasons(landing) == {
        "cyst/broken.png": "symlink",
        "cyst/link.png": "symlink",
        "cyst/pipe.png": "special-file",
        "stone": "symlink",
    }


def test_odd_names_are_listed_as_they_are(tmp_path: Path) -> None:
    names = [
        b"a b.png",
        b'it\'s "x".png',
        b"new\nline.png",
        "Nierenzyste ü.png".encode(),
        b"\xff.png",
    ]
    folder = put(tmp_path / "cyst" / "x", b"x").parent
    for name in names:
        put(folder / os.fsdecode(name), b"x")
    listed = [os.fsencode(f.path) for f in scan(tmp_path)[0]]
    assert listed == sorted(b"cyst/" + name for name in [*names, b"x"])
    assert all(read_stable(tmp_path, f, 10) == b"x" for f in scan(tmp_path)[0])


def test_a_file_that_changes_after_the_listing_is_growing(tmp_path: Path) -> None:
    file = put(tmp_path / "cyst" / "a.png", b"half")
    found = scan(tmp_path)[0][0]
    assert read_stable(tmp_path, found, 100) == b"half"
    put(file, b"half and half")
    with pytest.raises(Refused, match="being written"):
        read_stable(tmp_path, found, 100)
    os.utime(put(file, b"flah"), ns=(0, 1))  # the same size
    with pytest.raises(Refused, match="growing"):
        read_stable(tmp_path, found, 100)
    file.unlink()
    with pytest.raises(Refused, match="growing"):
        read_stable(tmp_path, found, 100)


def test_a_file_swapped_for_a_link_or_too_large_is_not_read(tmp_path: Path) -> None:
    file = put(tmp_path / "cyst" / "a.png", b"good")
    found = scan(tmp_path)[0][0]
    with pytest.raises(Refused, match="too-large"):
        read_stable(tmp_path, found, 3)
    file.unlink()
    file.symlink_to(put(tmp_path / "elsewhere", b"evil"))
    with pytest.raises(Refused, match="unreadable"):
        read_stable(tmp_path, found, 100)


def test_a_missing_landing_zone_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="MEDLOOM_LANDING"):
        scan(tmp_path / "none")
