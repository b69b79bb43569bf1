"""Whether an image is what it says it is: marks, and drawing it again."""

import io
import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.registry.asked import Asked, Size
from pipeline.registry.image_files import Format, generate_images
from pipeline.registry.verify_image import Answer, ImageVerifier, Verified
from pipeline.synthetic.keys import make_keys
from pipeline.synthetic.png import SIDECAR_SUFFIX
from tests.support.generators import tiny_generator
from tests.support.told import serve

CLASSES, KINDS = ("cyst", "normal", "stone"), ("cyst", "stone")


@pytest.fixture(autouse=True)
def _served(monkeypatch: pytest.MonkeyPatch) -> None:
    """A version of 64 px, from which on images are watermarked."""
    serve(monkeypatch, tiny_generator(CLASSES, KINDS, size=64))


def draw(project: Project, out: Path, form: Format = "png", **options: object) -> Path:
    drawn = generate_images(project, "champion", "stone", 3, 7, out, form=form, **options)  # type: ignore[arg-type]
    return drawn.files[-1]


def states(found: Verified) -> dict[str, str]:
    return {one.mark: one.state for one in found.answers}


def answer(found: Verified, mark: str) -> Answer:
    return next(one for one in found.answers if one.mark == mark)


@pytest.mark.parametrize("form", ["png", "dicom"])
def test_an_image_that_is_as_it_was_written(project: Project, tmp_path: Path, form: Format) -> None:
    found = ImageVerifier(project).verify(draw(project, tmp_path / "out", form))
    assert found.true
    assert found.facts is not None
    assert (found.facts["seed"], found.facts["index"]) == (7, 2)
    make_keys(project)
    found = ImageVerifier(project).verify(draw(project, tmp_path / "marked", form))
    marks = {"dicom"} if form == "dicom" else {"text", "sidecar", "c2pa"}
    assert states(found) == dict.fromkeys(marks | {"watermark", "pixels"}, "holds")
    assert found.true


def test_what_was_asked_for_is_asked_for_again(project: Project, tmp_path: Path) -> None:
    asked = Asked(2, "stone", Size.parse("4-6px"))
    file = draw(project, tmp_path / "out", asked=asked, truncation=0.5)
    assert ImageVerifier(project).verify(file).true
    walk = draw(project, tmp_path / "walk", frames=2)
    assert ImageVerifier(project).verify(walk).true


def test_a_layout_of_a_file_is_needed_again(project: Project, tmp_path: Path) -> None:
    layout = tmp_path / "layout.png"
    labels = np.zeros((64, 64), np.uint8)
    labels[20:26, 30:36] = 2
    Image.fromarray(labels).save(layout)
    file = draw(project, tmp_path / "out", layout=layout)
    found = ImageVerifier(project).verify(file)
    assert (found.true, states(found)["pixels"]) == (False, "unknown")
    assert "--layout" in answer(found, "pixels").detail
    assert ImageVerifier(project, layout).verify(file).true


def test_a_changed_byte_breaks_the_signature(project: Project, tmp_path: Path) -> None:
    make_keys(project)
    file = draw(project, tmp_path / "out")
    data = bytearray(file.read_bytes())
    data[data.index(b"tEXtSoftware") + len("tEXtSoftware\0")] ^= 1
    file.write_bytes(bytes(data))
    found = ImageVerifier(project).verify(file)
    assert not found.true
    assert states(found)["c2pa"] == "broken"
    assert "assertion.dataHash.mismatch" in answer(found, "c2pa").detail
    damaged = file.with_name("damaged.png")
    damaged.write_bytes(bytes(data[:-200]))
    assert not ImageVerifier(project).verify(damaged).true


def test_saved_again_without_text_the_watermark_stays(project: Project, tmp_path: Path) -> None:
    make_keys(project)
    file = draw(project, tmp_path / "out")
    bare = tmp_path / "bare.png"
    with Image.open(file) as image:
        Image.fromarray(np.asarray(image)).save(bare)
    found = ImageVerifier(project).verify(bare)
    assert states(found) == {
        "text": "absent", "sidecar": "absent", "c2pa": "absent", "watermark": "holds",
        "pixels": "unknown",
    }  # fmt: skip
    assert (found.true, found.facts) == (False, None)


def changed(
    file: Path, to: Path, pixels: "np.ndarray[tuple[int, int], np.dtype[np.uint8]]"
) -> Path:
    """The pixels under the sidecar of a file."""
    Image.fromarray(pixels).save(to)
    beside = file.with_name(file.name + SIDECAR_SUFFIX)
    to.with_name(to.name + SIDECAR_SUFFIX).write_text(beside.read_text())
    return to


def test_what_was_done_to_the_pixels_is_told(project: Project, tmp_path: Path) -> None:
    make_keys(project)
    file = draw(project, tmp_path / "out")
    verifier = ImageVerifier(project)
    with Image.open(file) as image:
        before = np.asarray(image)
    cropped = verifier.verify(changed(file, tmp_path / "crop.png", before[4:62, 2:60]))
    assert "58x58 pixels, and 64x64 were drawn" in answer(cropped, "pixels").detail
    assert answer(cropped, "watermark").state == "holds"
    assert "cropped by (4, 2)" in answer(cropped, "watermark").detail
    window = np.clip(np.rint(0.8 * before + 12), 0, 255).astype(np.uint8)
    windowed = verifier.verify(changed(file, tmp_path / "window.png", window))
    assert "about 0.80 times the grey level +12" in answer(windowed, "pixels").detail
    assert answer(windowed, "watermark").state == "holds"
    dot = before.copy()
    dot[5, 5] ^= 1
    dotted = verifier.verify(changed(file, tmp_path / "dot.png", dot))
    assert "0.0% of them differ, by 1 grey levels" in answer(dotted, "pixels").detail
    blank = verifier.verify(changed(file, tmp_path / "blank.png", np.zeros_like(before)))
    assert answer(blank, "watermark").state == "broken"
    assert not any(one.true for one in (cropped, windowed, dotted, blank))


def test_a_mark_that_lies_is_found_out(project: Project, tmp_path: Path) -> None:
    file = draw(project, tmp_path / "out")
    beside = file.with_name(file.name + SIDECAR_SUFFIX)
    beside.write_text(json.dumps(json.loads(beside.read_text()) | {"seed": 8}))
    found = ImageVerifier(project).verify(file)
    assert (found.true, states(found)["facts"]) == (False, "broken")
    dicom = draw(project, tmp_path / "dicom", "dicom")
    dataset = pydicom.dcmread(io.BytesIO(dicom.read_bytes()))
    dataset.ImageComments = json.dumps(json.loads(dataset.ImageComments) | {"index": 1})
    dataset.save_as(dicom)
    found = ImageVerifier(project).verify(dicom)
    assert (found.true, states(found)["pixels"]) == (False, "broken")


def test_what_is_not_of_this_project_is_not_drawn(project: Project, tmp_path: Path) -> None:
    file = draw(project, tmp_path / "out")
    other = Project.load({"MEDLOOM_STATE": str(tmp_path / "state" / "other")})
    found = ImageVerifier(other).verify(file)
    assert "choose the project" in answer(found, "pixels").detail
    make_keys(project)
    marked = draw(project, tmp_path / "marked")
    project.marks.rename(tmp_path / "moved")
    found = ImageVerifier(project).verify(marked)
    assert (states(found)["watermark"], states(found)["pixels"]) == ("unknown", "unknown")
    with pytest.raises(BadInputError, match="No such file"):
        ImageVerifier(project).verify(tmp_path / "none.png")
