"""Which files beside images say where findings are, by their paths alone."""

import pytest

from pipeline.data.landing.beside import find_beside, looks_like_one

PAIRS = {
    "stone/labels/x.txt": ("stone/images/x.png", "yolo", ""),
    "stone/train/labels/x.txt": ("stone/train/images/x.jpg", "yolo", ""),
    "stone/b/x.txt": ("stone/b/x.dcm", "yolo", ""),
    "stone/masks/x.png": ("stone/images/x.jpg", "mask", ""),
    "stone/Masks/X.PNG": ("stone/x.jpg", "mask", ""),
    "stone/masks/p1/x.png": ("stone/images/p1/x.png", "mask", ""),
    "stone/masks/cyst/x.png": ("stone/images/x.png", "mask", "cyst"),
    "stone/x_mask.png": ("stone/x.png", "mask", ""),
    "stone/x_mask_2.png": ("stone/x.png", "mask", ""),
    "stone/x_mask_cyst.png": ("stone/x.png", "mask", "cyst"),
    "stone/x-seg.tif": ("stone/x.tif", "mask", ""),
    "stone/c/segmentation.nii.gz": ("stone/c/imaging.nii.gz", "mask", ""),
    "stone/segmentation-3.nii": ("stone/volume-3.nii", "mask", ""),
    "stone/labelsTr/c.nii.gz": ("stone/imagesTr/c_0000.nii.gz", "mask", ""),
    "stone/phantom-1-slice-0.truth.json": ("stone/phantom-1-slice-0.png", "truth", ""),
    "stone/_annotations.coco.json": ("stone/train/x.png", "coco", ""),
    "annotations/instances_all.json": ("stone/x.png", "coco", ""),
    "boxes~1a2b3c4d.csv": ("stone/x.png", "boxes", ""),
    "stone/labels/classes.txt": ("stone/images/x.png", "names", ""),
}


@pytest.mark.parametrize("path", PAIRS)
def test_a_file_belongs_to_its_image(path: str) -> None:
    image, form, kind = PAIRS[path]
    found, sidecars = find_beside([path, image, "stone/other.png", "tumor/other.png"])
    ((only,),) = [beside for name, beside in found.items() if name == image]
    assert (only.path, only.form, only.kind) == (path, form, kind)
    assert sidecars == {path}


@pytest.mark.parametrize(
    "paths",
    [
        ["stone/labels/x.png"],  # an image in a folder of that name, and nothing beside it
        ["stone/masks/x.png", "stone/images/y.png"],
        ["stone/x_mask.png", "cyst/x.png"],
        ["stone/x_mask.nii.gz", "stone/x.png"],  # a volume is no mask of a picture
        ["tumor/annotations.json", "stone/x.png"],  # of another folder
        ["stone/a/x.txt", "stone/b/x.png"],
    ],
)
def test_what_has_no_image_stays_what_it_is(paths: list[str]) -> None:
    assert find_beside(paths) == ({}, frozenset())


def test_the_nearest_list_comes_first() -> None:
    found, _ = find_beside(["boxes.csv", "stone/boxes.csv", "stone/x.png"])
    assert [one.path for one in found["stone/x.png"]] == ["stone/boxes.csv", "boxes.csv"]


def test_a_mask_is_never_an_image_with_a_mask() -> None:
    paths = ["stone/x.png", "stone/x_mask.png", "stone/x_mask_mask.png"]
    found, sidecars = find_beside(paths)
    assert set(found) == {"stone/x.png"}
    assert "stone/x_mask.png" in sidecars


@pytest.mark.parametrize(
    ("path", "looks"),
    [("stone/labels/x.txt", True), ("stone/masks/x.png", True), ("stone/x_mask.png", True),
     ("stone/x.txt", False), ("stone/x.png", False), ("stone/x.jpg", False)],
)  # fmt: skip
def test_masks_and_yolo_files_without_an_image_are_told_by_their_path(
    path: str, looks: bool
) -> None:
    assert looks_like_one(path) is looks
