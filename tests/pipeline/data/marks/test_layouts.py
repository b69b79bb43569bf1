"""Each layout of boxes and masks that docs/ingest.md lists, and each wrong one by its name."""

import gzip
import io
import json
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from pipeline.data.config import IngestConfig
from pipeline.data.findings import Box, Mask, encode_mask
from pipeline.synthetic.png import SYNTHETIC_MARK
from tests.support.annotated import Seen, read_beside_images
from tests.support.pictures import encode, picture

SHARED = Path(__file__).parents[5] / "shared" / "data"
IMAGE = encode(picture(1))  # 48 x 48
MASK = np.zeros((48, 48), np.bool_)
MASK[10:14, 20:30] = MASK[30:33, 5:9] = True
TWO: list[Box] = [(5.0, 30.0, 9.0, 33.0), (20.0, 10.0, 30.0, 14.0)]
"""The boxes of MASK's two bodies, as the manifest sorts them."""
NUMBERS = MASK.astype(np.uint8)
NUMBERS[30:33, 5:9] = 2
DOTS = np.zeros((48, 48), np.uint8)
DOTS[::3, ::3] = 1
BOX: list[Box] = [(18.0, 18.0, 30.0, 30.0)]
YOLO = "0 0.5 0.5 0.25 0.25\n"
TRUTH = {"pixel_mm": 2.5, "lesions": [{"kind": "stone", "mask": encode_mask(MASK)}]}


def png(pixels: NDArray[np.generic]) -> bytes:
    return encode(pixels)


def black_and_white(mask: Mask) -> bytes:
    return encode(mask.astype(np.uint8) * 255)


def marked(mask: Mask) -> bytes:
    mark = PngInfo()
    for key, value in SYNTHETIC_MARK.items():
        mark.add_text(key, value)
    return encode(mask.astype(np.uint8), pnginfo=mark)


def coco(name: str = "x.png", **annotation: object) -> str:
    one = {"image_id": 1, "category_id": 7, "bbox": [18, 18, 12, 12]} | annotation
    return json.dumps({
        "images": [{"id": 1, "file_name": name, "width": 48, "height": 48}],
        "categories": [{"id": 7, "name": "Kidney Stone"}],
        "annotations": [one],
    })  # fmt: skip


def boxes(seen: Seen) -> list[Box]:
    return [one.box for one in seen.only.findings or ()]


def kinds(seen: Seen) -> set[str]:
    return {one.kind for one in seen.only.findings or ()}


Files = dict[str, bytes | str]
LAYOUTS: dict[str, tuple[Files, list[Box], set[str]]] = {
    "YOLO in labels/": (
        {"stone/images/x.png": IMAGE, "stone/labels/x.txt": YOLO,
         "stone/classes.txt": "Kidney Stone\ncyst\n"}, BOX, {"kidney-stone"}),
    "YOLO beside the image": ({"stone/x.png": IMAGE, "stone/x.txt": YOLO}, BOX, {"stone"}),
    "YOLO with data.yaml": (
        {"stone/images/x.png": IMAGE, "stone/labels/x.txt": YOLO.replace("0 ", "1 ", 1),
         "data.yaml": "names: {0: stone, 1: Cyst}\n"}, BOX, {"cyst"}),
    "YOLO, an outline": (
        {"stone/x.png": IMAGE, "stone/x.txt": "0 .25 .25 .5 .25 .5 .5 .25 .5"},
        [(12.0, 12.0, 24.0, 24.0)], {"stone"}),
    "YOLO, an empty file": ({"stone/x.png": IMAGE, "stone/x.txt": ""}, [], set()),
    "COCO beside the images": (
        {"stone/x.png": IMAGE, "stone/_annotations.coco.json": coco()}, BOX, {"kidney-stone"}),
    "COCO in annotations/": (
        {"stone/train/x.png": IMAGE, "stone/annotations/instances_train.json": coco()},
        BOX, {"kidney-stone"}),
    "COCO for several classes": (
        {"stone/x.png": IMAGE, "annotations.json": coco("stone/x.png")}, BOX, {"kidney-stone"}),
    "COCO, an outline": (
        {"stone/x.png": IMAGE, "annotations.json": coco(segmentation=[[5, 5, 9, 5, 9, 9, 5, 9]])},
        [(5.0, 5.0, 9.0, 9.0)], {"kidney-stone"}),
    "COCO, a run-length code": (
        {"stone/x.png": IMAGE,
         "annotations.json": coco(segmentation={"size": [48, 48], "counts": encode_mask(MASK)})},
        [(5.0, 10.0, 30.0, 33.0)], {"kidney-stone"}),
    "COCO, runs as numbers": (
        {"stone/x.png": IMAGE,
         "annotations.json": coco(segmentation={"size": [48, 48], "counts": [96, 5, 2203]})},
        [(2.0, 0.0, 3.0, 5.0)], {"kidney-stone"}),
    "a mask in masks/": (
        {"stone/images/x.png": IMAGE, "stone/masks/x.png": black_and_white(MASK)}, TWO, {"stone"}),
    "a mask in masks/ below the images": (
        {"stone/x.png": IMAGE, "stone/masks/x.png": black_and_white(MASK)}, TWO, {"stone"}),
    "a mask in masks/KIND/": (
        {"stone/images/x.png": IMAGE, "stone/masks/cyst/x.png": black_and_white(MASK)},
        TWO, {"cyst"}),
    "x_mask.png": (
        {"stone/x.png": IMAGE, "stone/x_mask.png": black_and_white(MASK)}, TWO, {"stone"}),
    "x_mask.png and x_mask_1.png": (
        {"stone/x.png": IMAGE, "stone/x_mask.png": png(NUMBERS * (NUMBERS == 1)),
         "stone/x_mask_1.png": png(NUMBERS * (NUMBERS == 2))}, TWO, {"stone"}),
    "x_mask_KIND.png": (
        {"stone/x.png": IMAGE, "stone/x_mask_cyst.png": black_and_white(MASK)}, TWO, {"cyst"}),
    "a mask with numbers and names": (
        {"stone/x.png": IMAGE, "stone/x_mask.png": png(NUMBERS),
         "stone/dataset.json": json.dumps({"labels": {"background": 0, "cyst": 1, "stone": 2}})},
        TWO, {"cyst", "stone"}),
    "a black mask": (
        {"stone/x.png": IMAGE, "stone/x_mask.png": png(np.zeros((48, 48), np.uint8))}, [], set()),
    "boxes.csv": (
        {"stone/x.png": IMAGE, "boxes.csv":
         "file,x0,y0,x1,y1\nstone/x.png,.375,.375,.625,.625\nstone/x.png,.5,.5,.75,.75\n"},
        [*BOX, (24.0, 24.0, 36.0, 36.0)], {"stone"}),
    "boxes.csv in pixels, with kinds": (
        {"stone/x.png": IMAGE, "stone/boxes.csv":
         "file,width,height,x0,y0,x1,y1,kind\nx.png,48,48,18,18,30,30,cyst\n"}, BOX, {"cyst"}),
    "boxes.csv, a row without a box": (
        {"stone/x.png": IMAGE, "boxes.csv": "file,x0,y0,x1,y1\nx.png,,,,\n"}, [], set()),
    "a column of medloom.csv": (
        {"stone/x.png": IMAGE, "stone/medloom.csv":
         'file,findings\nx.png,"stone:.375,.375,.625,.625; cyst:1,2,3,4px"\n'},
        [(1.0, 2.0, 3.0, 4.0), *BOX], {"stone", "cyst"}),
    "medloom.csv says none": (
        {"stone/x.png": IMAGE, "stone/medloom.csv": "file,findings\nx.png,none\n"}, [], set()),
    "the truth of a built-in data set": (
        {"stone/x.png": IMAGE, "stone/x.truth.json": json.dumps(TRUTH)},
        [(5.0, 10.0, 30.0, 33.0)], {"stone"}),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_that_people_use_is_read(layout: str, tmp_path: Path) -> None:
    files, expected, of_kinds = LAYOUTS[layout]
    seen = read_beside_images(tmp_path, files)
    assert (seen.only.wrong, seen.only.others, seen.refused) == ("", False, {})
    assert seen.only.findings is not None
    assert sorted(boxes(seen)) == sorted(expected)
    assert kinds(seen) == of_kinds
    assert (seen.listed.unplaced, seen.listed.unreadable) == (0, 0)


def test_a_mask_is_kept_to_the_pixel(tmp_path: Path) -> None:
    files: Files = {"stone/x.png": IMAGE, "stone/x_mask.png": black_and_white(MASK)}
    found = read_beside_images(tmp_path, files).only.findings or ()
    masks = [one.pixels(48, 48) for one in found]
    assert all(mask is not None for mask in masks)
    np.testing.assert_array_equal(np.any(masks, axis=0), MASK)  # type: ignore[arg-type]


def test_a_truth_gives_the_spacing(tmp_path: Path) -> None:
    files: Files = {"stone/x.png": IMAGE, "stone/x.truth.json": json.dumps(TRUTH)}
    assert read_beside_images(tmp_path, files).only.spacing == "2.5x2.5"


WRONG: dict[str, tuple[Files, str]] = {
    "a box outside the image": ({"stone/x.txt": "0 .99 .5 .2 .1"}, "outside"),
    "an outline outside": ({"stone/x.txt": "0 .5 .5 1.5 .5 .7 .7"}, "outside"),
    "a box without area": ({"stone/x.txt": "0 .5 .5 0 .1"}, "empty"),
    "a coded mask without pixels": (
        {"annotations.json": coco(segmentation={"size": [48, 48], "counts": [2304]})}, "empty"),
    "a mask of another size": ({"stone/x_mask.png": black_and_white(MASK[:40])}, "other-size"),
    "a list that gives another size": (
        {"boxes.csv": "file,width,height,x0,y0,x1,y1\nx.png,96,96,18,18,30,30\n"}, "other-size"),
    "a coded mask of another size": (
        {"annotations.json": coco(segmentation={"size": [9, 9], "counts": [50, 31]})},
        "other-size"),
    "a number without a name": ({"stone/x.txt": "3 .5 .5 .1 .1"}, "unknown-kind"),
    "a mask of two numbers without names": ({"stone/x_mask.png": png(NUMBERS)}, "unknown-kind"),
    "two lists of names that disagree": (
        {"stone/x.txt": YOLO, "stone/classes.txt": "stone\n", "stone/data.yaml": "names: [cyst]\n"},
        "unknown-kind"),
    "a category that the file lacks": (
        {"annotations.json": coco(category_id=9)}, "unknown-kind"),
    "words in place of numbers": ({"stone/x.txt": "no stone seen"}, "unreadable"),
    "boxes with a confidence, as a detector writes": (
        {"stone/x.txt": "0 .5 .5 .1 .1 .9"}, "unreadable"),
    "a picture in place of a mask": ({"stone/x_mask.png": IMAGE}, "unreadable"),
    "a mask in many colours": (
        {"stone/x_mask.png": encode(np.stack([NUMBERS * 90, MASK * 7, MASK * 0], 2)
                                    .astype(np.uint8))}, "unreadable"),
    "a mask of noise": ({"stone/x_mask.png": png(DOTS)}, "unreadable"),
    "names that are none": (
        {"stone/x.txt": YOLO, "data.yaml": "a: &a [x, x]\nnames: [*a, *a]\n"}, "unreadable"),
    "a truth that is none": ({"stone/x.truth.json": "[1"}, "unreadable"),
    "a mask of a generated image": (
        {"stone/x_mask.png": marked(MASK)}, "synthetic"),
    "a list of generated images": (
        {"annotations.json": json.dumps(
            json.loads(coco(bbox=[1, 2, 3, 4])) | {"info": {"synthetic": True}})}, "synthetic"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_statement_is_refused_by_name_and_the_image_is_not(
    case: str, tmp_path: Path
) -> None:
    files, wrong = WRONG[case]
    seen = read_beside_images(tmp_path, {"stone/x.png": IMAGE} | files)
    assert (seen.only.findings, seen.only.wrong) == (None, wrong)


def test_a_box_may_leave_the_image_by_a_rounding(tmp_path: Path) -> None:
    files: Files = {"stone/x.png": IMAGE, "stone/x.txt": "0 0.9375 0.5 0.1251 0.25"}
    assert boxes(read_beside_images(tmp_path, files)) == [(42.0, 18.0, 48.0, 30.0)]


def test_of_several_sources_the_first_is_used_and_the_others_are_told(tmp_path: Path) -> None:
    files: Files = {
        "stone/x.png": IMAGE,
        "stone/x_mask.png": black_and_white(MASK),
        "stone/x.txt": YOLO,
    }
    seen = read_beside_images(tmp_path, files)
    assert (boxes(seen), seen.only.others) == (TWO, True)


def test_entries_and_files_without_an_image_stay_visible(tmp_path: Path) -> None:
    table = "file,x0,y0,x1,y1\nx.png,.1,.1,.2,.2\nz.png,.1,.1,.2,.2\n"
    files: Files = {
        "stone/x.png": IMAGE,
        "boxes.csv": table,
        "stone/masks/y.png": black_and_white(MASK),
    }
    seen = read_beside_images(tmp_path, files)
    assert seen.listed.unplaced == 1
    assert seen.refused == {"stone/masks/y.png": "label-map"}


def test_a_list_that_is_none_leaves_other_sources_alone(tmp_path: Path) -> None:
    files: Files = {"stone/x.png": IMAGE, "stone/x.txt": YOLO, "annotations.json": "[1, 2]"}
    seen = read_beside_images(tmp_path, files)
    assert (boxes(seen), seen.listed.unreadable) == (BOX, 1)


def test_an_image_that_is_turned_takes_no_findings(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 3
    files: Files = {"stone/x.jpg": encode(picture(1), "JPEG", exif=turned), "stone/x.txt": YOLO}
    assert read_beside_images(tmp_path, files).only.wrong == "other-size"


def test_an_archive_s_row_says_nothing_of_the_images_in_it(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("x.png", IMAGE)
    table = 'file,class,findings\nx.zip,stone,"stone:.1,.1,.2,.2"\n'
    seen = read_beside_images(tmp_path, {"x.zip": stream.getvalue(), "medloom.csv": table})
    assert (seen.only.findings, seen.only.wrong) == (None, "other-size")


# -- volumes ---------------------------------------------------------------------------------------

VOLUME = np.random.default_rng(0).normal(100, 30, (40, 44, 3)).astype(np.float32)
LABELS = np.zeros((40, 44, 3), np.uint8)
LABELS[5:9, 10:20, 1] = 2
LABELS[20:25, 10:20, 2] = 1
TO_LEFT, TO_RIGHT = np.diag([-1.0, 1, 2, 1]), np.diag([1.0, 1, 2, 1])


def nifti(volume: NDArray[np.generic], affine: NDArray[np.float64] = TO_LEFT) -> bytes:
    return gzip.compress(bytes(nib.Nifti1Image(volume, affine).to_bytes()))


@pytest.mark.parametrize(("affine", "columns"), [(TO_LEFT, (5.0, 9.0)), (TO_RIGHT, (31.0, 35.0))])
def test_a_label_volume_is_cut_and_turned_as_its_scan(
    affine: NDArray[np.float64], columns: tuple[float, float], tmp_path: Path
) -> None:
    files: Files = {
        "tumor/case_1/imaging.nii.gz": nifti(VOLUME, affine),
        "tumor/case_1/segmentation.nii.gz": nifti(LABELS, affine),
    }
    seen = read_beside_images(tmp_path, files, IngestConfig(finding_kinds=("-", "tumor")))
    (slices,) = seen.annotated.values()
    found = [one.findings for one in slices]
    assert found[0] == found[2] == ()  # looked at; the kidney of number 1 is left out
    ((only,),) = [one for one in found if one]
    assert (only.kind, only.box) == ("tumor", (columns[0], 24.0, columns[1], 34.0))


def test_nnu_net_s_folders_give_the_names(tmp_path: Path) -> None:
    names = {"labels": {"background": 0, "organ": 1, "tumor": 2}}
    files: Files = {
        "tumor/imagesTr/c_0000.nii.gz": nifti(VOLUME),
        "tumor/labelsTr/c.nii.gz": nifti(LABELS),
        "tumor/dataset.json": json.dumps(names),
    }
    (slices,) = read_beside_images(tmp_path, files).annotated.values()
    assert [{one.kind for one in each.findings or ()} for each in slices] == [
        set(), {"tumor"}, {"organ"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "affine", "wrong"),
    [
        (LABELS, TO_RIGHT, "other-size"),
        (LABELS[:, :, :2], TO_LEFT, "other-size"),
        (VOLUME, TO_LEFT, "unreadable"),
        (LABELS, TO_LEFT, "unknown-kind"),
    ],
)
def test_a_volume_that_does_not_fit_is_refused_by_name(
    labels: NDArray[np.generic], affine: NDArray[np.float64], wrong: str, tmp_path: Path
) -> None:
    files: Files = {"tumor/a.nii.gz": nifti(VOLUME), "tumor/a_seg.nii.gz": nifti(labels, affine)}
    (slices,) = read_beside_images(tmp_path, files).annotated.values()
    assert {one.wrong for one in slices} == {wrong}


# -- real ones -------------------------------------------------------------------------------------


@pytest.mark.skipif(not (SHARED / "kidney-stone-boxes").is_dir(), reason="no shared data here")
def test_the_boxes_of_the_real_set_are_read(tmp_path: Path) -> None:
    source = SHARED / "kidney-stone-boxes"
    images = sorted((source / "images").iterdir())[:12]
    files: Files = {f"stone/images/{one.name}": one.read_bytes() for one in images}
    files["stone/boxes.csv"] = (source / "boxes.csv").read_bytes()
    seen = read_beside_images(tmp_path, files)
    found = [one for each in seen.annotated.values() for one in each]
    assert len(found) == len(images)
    assert all(one.findings is not None and not one.wrong for one in found)
    assert seen.listed.unplaced == 348 - len(images)
