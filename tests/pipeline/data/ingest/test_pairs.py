"""Both images of a pair are ingested, or neither."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from pipeline.data.config import IngestConfig
from pipeline.data.decisions import REJECTED_FILE, WITHDRAWN_FILE, Rejected, Withdrawn
from pipeline.data.ingest.grouping import Grouping
from pipeline.data.ingest.pairs import beside_bridges, without
from pipeline.data.ingest.resolve import NewImage
from pipeline.data.manifest import read_manifest
from pipeline.data.names import Pseudonyms
from pipeline.data.reading.results import Image
from tests.support.exposures import MODALITIES, exposures, fill_pairs, put_pair, rows, write_list
from tests.support.pictures import NAMES, IngestedFolder, encode, put

FEW = IngestConfig(allow_missing=True)


@pytest.fixture
def project(tmp_path: Path) -> IngestedFolder:
    return IngestedFolder(tmp_path, FEW)


def test_both_images_come_in_under_one_pseudonym_in_one_group_and_split(tmp_path: Path) -> None:
    project = IngestedFolder(tmp_path)
    fill_pairs(project.landing, patients=3)
    report = project.ingest()
    assert (report.new, report.quarantined) == (24, 0)
    found = read_manifest(project.workspace)
    pairs = {row.pair: [one for one in found if one.pair == row.pair] for row in found}
    assert len(pairs) == 12
    for pair, members in pairs.items():
        assert pair.startswith("pair-")
        assert sorted(one.modality for one in members) == sorted(MODALITIES)
        assert len({(one.group, one.split, one.label) for one in members}) == 1
    text = "".join(file.read_text() for file in project.workspace.glob("data/manifest/*.csv"))
    assert "P3" not in text, "a pair's name may name a patient"
    assert {row.pair for row in found if row.pair == NAMES.pair("p3-1")}, "whatever its case"
    assert project.ingest().new == 0


def test_pairs_without_a_patient_are_one_group_each(project: IngestedFolder) -> None:
    lines = [
        line
        for number in range(3)
        for line in rows(
            put_pair(project.landing, f"cyst/{number}", exposures(number)), f"{number}"
        )
    ]
    write_list(project.landing, lines)
    project.ingest()
    found = read_manifest(project.workspace)
    assert {len({row.group for row in found if row.pair == one.pair}) for one in found} == {1}
    assert len({row.group for row in found}) == 3


def test_without_pairs_the_manifest_is_as_before(project: IngestedFolder) -> None:
    put_pair(project.landing, "cyst/1", exposures(1))
    (project.landing / "medloom.csv").write_text("file,patient\ncyst/1-long.png,P1\n")
    project.ingest()
    (file,) = project.workspace.glob("data/manifest/*.csv")
    assert file.read_text().splitlines()[0].endswith("study,patient,findings")


Break = Callable[[IngestedFolder, list[str]], None]


def _edit(project: IngestedFolder, old: str, new: str) -> None:
    file = project.landing / "medloom.csv"
    file.write_text(file.read_text().replace(old, new))


def _lacking(project: IngestedFolder, paths: list[str]) -> None:
    (project.landing / paths[1]).unlink()


def _three(project: IngestedFolder, _: list[str]) -> None:
    put(project.landing / "cyst/third.png", encode(exposures(9)[0]))
    _edit(project, "cyst/0-long.png,", "cyst/third.png,P0,pair 0,THIRD\ncyst/0-long.png,")


def _two_classes(project: IngestedFolder, paths: list[str]) -> None:
    (project.landing / "stone").mkdir(exist_ok=True)
    (project.landing / paths[1]).rename(project.landing / paths[1].replace("cyst", "stone"))
    _edit(project, "cyst/0-short", "stone/0-short")


def _two_patients(project: IngestedFolder, _: list[str]) -> None:
    _edit(project, "0-short.png,P0", "0-short.png,P5")


def _one_modality(project: IngestedFolder, _: list[str]) -> None:
    _edit(project, "P0,pair 0,SHORT", "P0,pair 0,long")


def _no_modality(project: IngestedFolder, _: list[str]) -> None:
    _edit(project, "P0,pair 0,SHORT", "P0,pair 0,")


def _other_size(project: IngestedFolder, paths: list[str]) -> None:
    put(project.landing / paths[1], encode(exposures(0, 96)[1]))


def _moved(project: IngestedFolder, paths: list[str]) -> None:
    put(project.landing / paths[1], encode(np.roll(exposures(0)[1], 4, 1)))


def _black(project: IngestedFolder, paths: list[str]) -> None:
    put(project.landing / paths[1], encode(np.zeros((64, 64), np.uint8)))


def _same_pixels(project: IngestedFolder, paths: list[str]) -> None:
    put(project.landing / paths[1], (project.landing / paths[0]).read_bytes())


@pytest.mark.parametrize(
    ("broken", "said", "count"),
    [
        (_lacking, "no other image of its pair was taken", 1),
        (_three, "3 images name one pair", 3),
        (_two_classes, "of two classes, cyst and stone", 2),
        (_two_patients, "of two groups: give both files one patient", 2),
        (_one_modality, "modalities of its pair are LONG and LONG", 2),
        (_no_modality, "modalities of its pair are LONG and unknown", 2),
        (_other_size, "64x64 and 96x96 pixels", 2),
        (_moved, r"not registered: they share most with b moved", 2),
        (_black, "no other image of its pair was taken", 1),
        (_same_pixels, "no other image of its pair was taken", 2),
    ],
)
def test_a_broken_pair_stays_out_whole_and_the_others_come_in(
    project: IngestedFolder, broken: Break, said: str, count: int
) -> None:
    paths = put_pair(project.landing, "cyst/0", exposures(0))
    others = put_pair(project.landing, "cyst/1", exposures(1))
    write_list(project.landing, [*rows(paths, "pair 0", "P0"), *rows(others, "pair 1", "P1")])
    broken(project, paths)
    report = project.ingest()
    found = read_manifest(project.workspace)
    assert {row.pair for row in found} == {NAMES.pair("pair 1")}
    assert report.reasons["pair"] == count
    details = [entry.detail for entry in report.entries if entry.reason == "pair"]
    assert all(said in detail for detail in details), details
    assert project.ingest().new == 0


def test_a_pair_comes_in_once_its_other_image_is_there(project: IngestedFolder) -> None:
    paths = put_pair(project.landing, "cyst/0", exposures(0))
    write_list(project.landing, rows(paths, "pair 0", "P0"))
    (project.landing / paths[1]).unlink()
    assert project.ingest().new == 0
    put(project.landing / paths[1], encode(exposures(0)[1]))
    assert project.ingest().new == 2
    third = put_pair(project.landing, "cyst/9", exposures(9))
    write_list(project.landing, [*rows(paths, "pair 0", "P0"), *rows(third, "pair 0", "P0")])
    report = project.ingest()
    assert report.reasons == {"pair": 2}
    details = [entry.detail for entry in report.entries if entry.reason]
    assert all("two other images were ingested as its pair" in detail for detail in details)


def test_the_partner_of_a_known_or_withdrawn_image_stays_out(project: IngestedFolder) -> None:
    known, withdrawn = exposures(0), exposures(1)
    put(project.landing / "cyst/before.png", encode(known[0]))
    put(project.landing / "cyst/gone.png", encode(withdrawn[0]))
    project.ingest()
    ids = {entry.image_id for entry in project.index.entries()}
    kept = project.by_path(project.ingest())["cyst/before.png"].image_id
    file = project.workspace / WITHDRAWN_FILE
    file.write_text(Withdrawn(images=frozenset(ids - {kept})).text)
    paths = [
        *put_pair(project.landing, "cyst/0", known),
        *put_pair(project.landing, "cyst/1", withdrawn),
    ]
    write_list(
        project.landing, [*rows(paths[:2], "pair 0", "P0"), *rows(paths[2:], "pair 1", "P1")]
    )
    report = project.ingest()
    by_path = project.by_path(report)
    outcomes = [by_path[path].reason or by_path[path].outcome for path in paths]
    assert outcomes == ["duplicate", "pair", "withdrawn", "pair"]
    assert report.new == 0


def test_of_two_files_of_one_image_the_one_with_a_pair_counts(project: IngestedFolder) -> None:
    pair = exposures(0)
    paths = put_pair(project.landing, "cyst/b", pair)
    put(project.landing / "cyst/a.png", encode(pair[0]))
    write_list(project.landing, rows(paths, "pair 0", "P0"))
    report = project.ingest()
    assert (report.new, report.duplicate) == (2, 1)
    assert project.by_path(report)["cyst/a.png"].outcome == "duplicate"


def test_a_copy_of_an_image_whose_file_is_kept_out_comes_in(project: IngestedFolder) -> None:
    pair = exposures(0)
    paths = put_pair(project.landing, "cyst/a", pair)
    write_list(project.landing, rows(paths, "pair 0", "P0"))
    kept_out = hashlib.sha256((project.landing / paths[0]).read_bytes()).hexdigest()
    put(project.landing / "cyst/b.bmp", encode(pair[0], "BMP"))
    file = put(project.workspace / REJECTED_FILE, b"")
    file.write_text(Rejected(sources=frozenset({kept_out})).text)
    by_path = project.by_path(project.ingest())
    reasons = [by_path[path].reason for path in (*paths, "cyst/b.bmp")]
    assert reasons == ["rejected", "pair", ""]
    assert by_path["cyst/b.bmp"].outcome == "ingested"


def _put_stacks(project: IngestedFolder, long: range, short: range) -> None:
    """Two files of several pages, without a patient."""
    for word, place, seeds in (("long", 0, long), ("short", 1, short)):
        first, *others = (Picture.fromarray(exposures(seed)[place]) for seed in seeds)
        stream = io.BytesIO()
        first.save(stream, "TIFF", save_all=True, append_images=others)
        put(project.landing / f"cyst/{word}.tif", stream.getvalue())
    lines = [f"cyst/{word}.tif,,stack,{word}" for word in ("long", "short")]
    write_list(project.landing, lines)


def test_stacks_without_a_patient_are_pairs_of_one_group(project: IngestedFolder) -> None:
    _put_stacks(project, range(3), range(3))
    report = project.ingest()
    found = read_manifest(project.workspace)
    assert (report.reasons, len(found), len({row.pair for row in found})) == ({}, 6, 3)
    assert len({row.group for row in found}) == len({row.split for row in found}) == 1


def test_stacks_of_unequal_length_are_no_pairs(project: IngestedFolder) -> None:
    _put_stacks(project, range(3), range(4))
    report = project.ingest()
    assert report.reasons == {"pair": 7}
    details = [entry.detail for entry in report.entries]
    assert sum("hold 3 and 4 images" in detail for detail in details) == 6


def test_pairs_that_a_list_names_too_late_are_counted(project: IngestedFolder) -> None:
    paths = put_pair(project.landing, "cyst/0", exposures(0))
    project.ingest()
    write_list(project.landing, rows(paths, "pair 0"))
    for _ in range(2):
        notices = {one.name: one.count for one in project.ingest().notices}
        assert notices["pairs-too-late"] == 2


def _image(id_: str, pair: str) -> NewImage:
    image = Image(id_, id_, np.zeros((24, 24), np.uint8), 64, 64, 8, 0.5, 4.0)
    return NewImage(image, "cyst", "", id_, pair=pair)


def test_the_partner_of_a_bridge_stays_out() -> None:
    new = {"a": _image("a", "p"), "b": _image("b", "p"), "c": _image("c", "q")}
    groups = {"b": "g", "c": "h"}
    grouping = Grouping(groups, groups, {"a": ("g1", "g2")}, ())
    torn = beside_bridges(grouping, new)
    assert set(torn) == {"b"}
    assert without(grouping, torn).groups == {"c": "h"}


def test_images_of_one_number_in_two_files_are_a_pair() -> None:
    assert NAMES.pair("volume", 3) == NAMES.pair("Volume ", 3) != NAMES.pair("volume", 4)
    assert NAMES.pair("") == ""


def test_only_pairs_of_phantoms_are_named_without_the_key() -> None:
    other = Pseudonyms(b"another key, also of the tests alone")
    assert NAMES.pair("phantom-00012-slice-3") == other.pair("Phantom-00012-slice-3")
    for name in ("phantom-12 Doe", "phantom-12", "phantom-00012-slice-3 Doe"):
        assert NAMES.pair(name) != other.pair(name), name
