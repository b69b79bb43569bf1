"""Files of generated images: their masks, the COCO file, the facts beside them, given layouts."""

import json
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pycocotools.coco import COCO

from model.sampling import draw_layouts, label_maps, sample
from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.registry.asked import Asked, Size
from pipeline.registry.image_files import Drawn, generate_images
from pipeline.synthetic.png import SIDECAR_SUFFIX, SYNTHETIC_MARK, is_marked
from tests.support.generators import MM, SIZE, VIEW, tiny_generator
from tests.support.pictures import IngestedFolder
from tests.support.told import serve

CLASSES, KINDS = ("cyst", "normal", "stone"), ("cyst", "stone")
TWO = Asked(2)


@pytest.fixture(autouse=True)
def _served(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, tiny_generator(CLASSES, KINDS))


def pixels(file: Path) -> NDArray[np.uint8]:
    with Image.open(file) as image:
        assert image.mode == "L"
        return np.asarray(image)


def facts(file: Path) -> dict[str, Any]:
    """The facts in the PNG, which are those beside it."""
    with Image.open(file) as image:
        assert is_marked(image.info)
        found: dict[str, Any] = json.loads(image.info["medloom"])
    beside = json.loads(Path(f"{file}{SIDECAR_SUFFIX}").read_text())
    assert beside == {"synthetic": True, **found}
    return found


def generate(project: Project, out: Path, label: str = "stone", **options: Any) -> Drawn:
    count = options.pop("count", 3)
    return generate_images(project, "champion", label, count, 7, out, **options)


def test_masks_are_those_of_the_images(project: Project, tmp_path: Path) -> None:
    asked = Asked(2, "stone", Size.parse("3-5px"))
    drawn = generate(project, tmp_path / "out", asked=asked, masks=True)
    layouts = draw_layouts(
        tiny_generator(CLASSES, KINDS), ["stone"] * 3, 7, findings=2, diameters=(3.0, 5.0)
    )
    assert layouts is not None
    images = sample(tiny_generator(CLASSES, KINDS), ["stone"] * 3, 7, layouts=layouts)
    for file, mask, image, labels in zip(
        drawn.files, drawn.masks, images, label_maps(layouts), strict=True
    ):
        assert mask.name == f"{file.stem}_mask.png"
        assert np.array_equal(pixels(file), image)
        assert np.array_equal(pixels(mask), labels)
    assert drawn.findings == {"stone": 6}
    found = facts(drawn.files[1])
    assert found["region"] == VIEW
    assert found["asked"] == {"findings": 2, "kind": "stone", "size": "3-5px"}
    assert found["findings"] == {"stone": 2}
    assert facts(drawn.masks[1])["mask_of"] == drawn.files[1].name
    assert facts(drawn.masks[1])["kinds"] == list(KINDS)


def test_the_coco_file_says_the_same_as_the_masks(project: Project, tmp_path: Path) -> None:
    drawn = generate(project, tmp_path, asked=TWO, masks=True)
    assert drawn.coco == tmp_path / "findings.coco.json"
    coco = COCO(drawn.coco)
    assert coco.dataset["info"]["synthetic"] is True
    assert coco.dataset["info"]["SyntheticData"] == "YES"
    assert [one["name"] for one in coco.loadCats(coco.getCatIds())] == list(KINDS)
    for image in coco.loadImgs(coco.getImgIds()):
        labels = pixels(tmp_path / image["file_name"].replace(".png", "_mask.png"))
        assert (image["height"], image["width"]) == labels.shape
        notes = coco.loadAnns(coco.getAnnIds(imgIds=image["id"]))
        assert [note["category_id"] for note in notes] == [2, 2]
        whole = np.zeros_like(labels)
        for note in notes:
            mask = coco.annToMask(note)
            rows, columns = np.nonzero(mask)
            assert note["area"] == mask.sum()
            assert note["bbox"] == [
                columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1,
            ]  # fmt: skip
            whole += 2 * mask
        assert np.array_equal(whole, labels)


def test_one_folder_takes_several_classes_and_repeats(project: Project, tmp_path: Path) -> None:
    generate(project, tmp_path, asked=TWO, masks=True)
    drawn = generate(project, tmp_path, "cyst", asked=Asked(1), masks=True)
    assert drawn.coco is not None
    before = drawn.coco.read_text()
    coco = COCO(drawn.coco)
    assert len(coco.imgs) == 6
    assert len(coco.anns) == 9
    for image in coco.imgs.values():
        found = facts(tmp_path / image["file_name"])["findings"]
        assert len(coco.getAnnIds(imgIds=image["id"])) == sum(found.values())
    generate(project, tmp_path, "cyst", asked=Asked(1), masks=True)
    assert drawn.coco.read_text() == before
    drawn.coco.write_text('{"info": {}}')
    with pytest.raises(BadInputError, match="is not of medloom"):
        generate(project, tmp_path, masks=True, asked=TWO)


def test_a_mask_of_an_earlier_image_does_not_stay_beside_a_new_one(
    project: Project, tmp_path: Path
) -> None:
    generate(project, tmp_path, asked=TWO, masks=True)
    with pytest.raises(BadInputError, match="holds a mask of an earlier"):
        generate(project, tmp_path, asked=Asked(0))


def test_no_finding_is_commanded_where_none_is_asked_for(project: Project, tmp_path: Path) -> None:
    drawn = generate(project, tmp_path, asked=Asked(0), masks=True)
    assert drawn.findings == {}
    assert not any(pixels(mask).any() for mask in drawn.masks)
    assert facts(drawn.files[0])["findings"] == {}
    assert facts(drawn.files[0])["asked"] == {"findings": 0}


def test_millimetres_are_those_of_the_training_images(project: Project, tmp_path: Path) -> None:
    sizes = [Size.parse("10mm"), Size.parse(f"{10 * SIZE / MM}px")]
    masks = [
        generate(project, tmp_path / str(size), asked=Asked(1, "", size), masks=True).masks
        for size in sizes
    ]
    for one, other in zip(*masks, strict=True):
        assert np.array_equal(pixels(one), pixels(other))


def test_without_millimetres_pixels_are_asked_for(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, tiny_generator(CLASSES, KINDS, mm=0.0))
    with pytest.raises(BadInputError, match=r"version 3: the size 3-6mm .* give pixels.*32"):
        generate(project, tmp_path, asked=Asked(1, "", Size.parse("3-6mm")))


# -- DICOM, and archives ---------------------------------------------------------------------------


def test_dicom_files_hold_the_pixels_and_facts_of_the_png_files(
    project: Project, tmp_path: Path
) -> None:
    png = generate(project, tmp_path / "png", asked=TWO, masks=True)
    dicom = generate(project, tmp_path / "dicom", asked=TWO, masks=True, form="dicom")
    assert [file.suffix for file in dicom.files] == [".dcm"] * 3
    for one, other in zip(png.files, dicom.files, strict=True):
        dataset = pydicom.dcmread(other)
        assert np.array_equal(dataset.pixel_array, pixels(one))
        assert json.loads(dataset.ImageComments) == facts(one)
    assert [pixels(mask).tolist() for mask in dicom.masks] == [
        pixels(mask).tolist() for mask in png.masks
    ]
    assert facts(dicom.masks[0])["mask_of"] == dicom.files[0].name
    assert dicom.coco is not None
    assert COCO(dicom.coco).loadImgs(1)[0]["file_name"] == dicom.files[0].name
    again = generate(project, tmp_path / "again", asked=TWO, masks=True, form="dicom")
    assert [one.read_bytes() for one in again.files] == [one.read_bytes() for one in dicom.files]


def test_an_archive_holds_the_same_files_and_lists_them(project: Project, tmp_path: Path) -> None:
    png = generate(project, tmp_path / "png", asked=TWO, masks=True)
    packed = generate(project, tmp_path / "zip", asked=TWO, masks=True, form="zip")
    assert (packed.masks, packed.coco) == ((), None)
    (file,) = packed.files
    assert sorted(path.name for path in file.parent.iterdir()) == [file.name]
    with ZipFile(file) as archive:
        for one in (*png.files, *png.masks):
            assert archive.read(one.name) == one.read_bytes()
        assert png.coco is not None
        assert archive.read(png.coco.name) == png.coco.read_bytes()
        listed = json.loads(archive.read("manifest.json"))
    of_first = {name: value for name, value in listed.items() if name not in {"synthetic", "files"}}
    about = {name: value for name, value in listed["files"][0].items() if name not in {"name"}}
    assert about.pop("sha256") == sha256(png.files[0].read_bytes()).hexdigest()
    assert of_first | about == facts(png.files[0]) | SYNTHETIC_MARK
    again = generate(project, tmp_path / "again", asked=TWO, masks=True, form="zip")
    assert again.files[0].read_bytes() == file.read_bytes()


@pytest.mark.parametrize("form", ["dicom", "zip"])
def test_they_are_refused_as_training_data(project: Project, tmp_path: Path, form: str) -> None:
    landed = IngestedFolder(tmp_path)
    generate(project, landed.landing / "stone", form=form)
    report = landed.ingest()
    assert report.ingested == 0
    assert report.reasons["synthetic"] == 3


# -- given layouts ---------------------------------------------------------------------------------


def test_layouts_come_from_files(project: Project, tmp_path: Path) -> None:
    first = generate(project, tmp_path / "first", asked=TWO, masks=True)
    folder = generate(
        project, tmp_path / "folder", layout=tmp_path / "first", masks=True, count=None
    )
    assert [pixels(mask).tolist() for mask in folder.masks] == [
        pixels(mask).tolist() for mask in first.masks
    ]
    assert folder.findings == {"stone": 6}
    one = generate(project, tmp_path / "one", layout=first.masks[0], masks=True, count=2)
    assert all(np.array_equal(pixels(mask), pixels(first.masks[0])) for mask in one.masks)
    assert len(facts(one.files[0])["layout_sha256"]) == 64
    assert not np.array_equal(pixels(one.files[0]), pixels(one.files[1])), "other anatomy"
    walk = generate(project, tmp_path / "walk", layout=first.masks[0], count=2, frames=3)
    assert pixels(walk.files[0]).shape == (SIZE, 4 * SIZE)


@pytest.mark.parametrize(
    ("array", "mode", "said"),
    [
        (np.full((SIZE, SIZE), 3, np.uint8), "L", "the value 3.*1 cyst, 2 stone"),
        (np.zeros((40, 40), np.uint8), "L", "40x40 pixels; allowed are 32x32"),
        (np.zeros((SIZE, SIZE, 3), np.uint8), "RGB", "mode RGB"),
    ],
)
def test_a_layout_that_does_not_fit_is_refused(
    project: Project, tmp_path: Path, array: NDArray[np.uint8], mode: str, said: str
) -> None:
    file = tmp_path / "layout.png"
    Image.fromarray(array, mode).save(file)
    with pytest.raises(BadInputError, match=said):
        generate(project, tmp_path / "out", layout=file)
    assert not (tmp_path / "out").exists()


def test_layouts_that_are_missing_or_unreadable_are_refused(
    project: Project, tmp_path: Path
) -> None:
    out, layout = tmp_path / "out", tmp_path / "layouts"
    layout.mkdir()
    with pytest.raises(BadInputError, match="holds no layout"):
        generate(project, out, layout=layout)
    (layout / "a.png").write_bytes(b"text")
    with pytest.raises(BadInputError, match=r"holds 1 layouts for 3 images.* or -n 1"):
        generate(project, out, layout=layout)
    with pytest.raises(BadInputError, match=r"a\.png cannot be read"):
        generate(project, out, layout=layout, count=1)


# -- what contradicts itself, and versions without findings ----------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"asked": TWO, "layout": Path("a.png")}, "says where the findings are"),
        ({"asked": Asked(kind="stone")}, "how many"),
        ({"masks": True, "frames": 2}, "a walk has no masks"),
        ({"asked": Asked(1, "tumor")}, "version 3: unknown kind 'tumor'"),
        ({"asked": Asked(9)}, "9 findings; allowed are 0 to 6"),
        ({"asked": Asked(1, "", Size.parse("90px"))}, "90 to 90 px in diameter"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_anything_is_written(
    project: Project, tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadInputError, match=said):
        generate(project, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_version_without_findings_says_so_and_draws_as_before(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = tiny_generator(CLASSES)
    serve(monkeypatch, plain)
    for options in ({"asked": TWO}, {"masks": True}, {"layout": tmp_path}):
        with pytest.raises(BadInputError, match=r"version 3.* without findings"):
            generate(project, tmp_path / "out", **options)
    drawn = generate(project, tmp_path / "out")
    assert drawn.findings is None
    assert set(facts(drawn.files[0])) == {
        "model", "version", "weights_sha256", "label", "seed", "index",
    }  # fmt: skip
    assert np.array_equal(pixels(drawn.files[0]), sample(plain, ["stone"], 7)[0])


def test_masks_of_a_class_of_which_nothing_is_known_are_not_empty_but_refused(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = tiny_generator(CLASSES, KINDS)
    assert generator.bank is not None
    generator.bank.counts[1] = 0
    serve(monkeypatch, generator)
    with pytest.raises(BadInputError, match="where the findings of normal are is not known"):
        generate(project, tmp_path, "normal", masks=True)
    assert generate(project, tmp_path, "normal").findings is None


@pytest.mark.parametrize("text", ["", "3", "px", "0px", "6-3px", "3-6cm", "-3px", "nanmm", "1e3px"])
def test_a_size_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadInputError, match=r"such as 4px, 3-6px or 2\.5-4mm"):
        Size.parse(text)


def test_sizes_are_read_and_written() -> None:
    for text in ("4px", "3-6px", "2.5-4mm"):
        assert str(Size.parse(text)) == text
    assert Size.parse(" 3 - 6 px ") == (3.0, 6.0, "px")


# -- never trained on ------------------------------------------------------------------------------


def test_images_and_masks_are_refused_as_training_data(project: Project, tmp_path: Path) -> None:
    landed = IngestedFolder(tmp_path)
    drawn = generate(project, landed.landing / "stone", asked=TWO, masks=True)
    apart = landed.landing / "cyst"
    apart.mkdir()
    for mask in drawn.masks:  # without what lies beside them, under another name
        shutil.copy(mask, apart / mask.name.replace("_mask", "-findings"))
    report = landed.ingest()
    assert (report.ingested, report.reasons) == (0, {"synthetic": 6})
