"""An archive of drawn images: the files of `medloom generate`, and a list of them."""

import hashlib
import io
import json
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from pipeline.base.project import Project
from pipeline.registry.asked import Asked
from pipeline.registry.drawn_images import DrawnImages, draw_images
from pipeline.registry.generators import Generators
from pipeline.registry.image_files import generate_images
from pipeline.registry.image_zip import archive_of
from pipeline.registry.order import Order
from pipeline.synthetic.png import is_marked
from pipeline.synthetic.zip_file import MANIFEST_FILE
from tests.support.generators import tiny_generator
from tests.support.told import serve

CLASSES = ("cyst", "stone")
TWO = Asked(2)


def drawn(project: Project, order: Order) -> DrawnImages:
    return draw_images(project.model, Generators(project), order)


def test_it_holds_what_generate_writes_and_says_how_to_draw_it_again(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, tiny_generator(CLASSES, CLASSES))
    made = drawn(project, Order("champion", "stone", 2, 7, 0.8, TWO))
    assert made.masked
    content = archive_of(made, masks=True)
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    manifest = json.loads(files.pop(MANIFEST_FILE))
    out = tmp_path / "out"
    generate_images(project, "3", "stone", 2, 7, out, truncation=0.8, asked=TWO, masks=True)
    beside = (file for file in out.iterdir() if not file.name.endswith(".synthetic.json"))
    assert files == {file.name: file.read_bytes() for file in beside}
    listed = {one["name"]: one for one in manifest["files"]}
    assert {name: one["sha256"] for name, one in listed.items()} == {
        name: hashlib.sha256(one).hexdigest() for name, one in files.items()
    }
    told = {name: manifest[name] for name in ("version", "label", "seed", "truncation", "asked")}
    assert told == {
        "version": 3, "label": "stone", "seed": 7, "truncation": 0.8, "asked": {"findings": 2},
    }  # fmt: skip
    assert (manifest["synthetic"], manifest["SyntheticData"]) == (True, "YES")
    assert manifest["weights_sha256"] == "0" * 64
    for index, name in enumerate(made.names):
        assert (listed[name]["index"], listed[name]["findings"]) == (index, {"stone": 2})
        with Image.open(io.BytesIO(files[name])) as opened:
            assert is_marked(opened.info)


def test_equal_orders_give_equal_bytes_and_without_findings_no_masks(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, tiny_generator(CLASSES))
    order = Order(3, "cyst", 2)
    made = drawn(project, order)
    assert not made.masked
    content = archive_of(made, masks=made.masked)
    assert content == archive_of(drawn(project, order), masks=False)
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert not [name for name in packed.namelist() if "mask" in name or "coco" in name]
