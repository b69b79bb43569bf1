"""Which folder of a path is the class: layouts of published data sets, and what is refused."""

import pytest

from pipeline.data.layout import (
    AmbiguousClassesError,
    Layout,
    advice_on,
    find_layout,
    parts_with_class_first,
)
from pipeline.data.refusal import Refused

CLASSES = ("Cyst", "Normal", "Stone", "Tumor")


def tree(*folders: str, files: int = 2) -> list[str]:
    return [f"{folder}/{number}.png" for folder in folders for number in range(files)]


@pytest.mark.parametrize(
    ("paths", "folder"),
    [
        (tree(*CLASSES), 1),
        (tree("stone"), 1),
        (tree("stone/HX-1", "stone/HX-2", "cyst/HX-3"), 1),
        (tree("stone", "stone/more"), 1),
        (tree("stone/axial", "stone/coronal"), 1),
        (tree("stone/2024/a", "cyst/2024/a"), 1),
        (tree(*(f"grade{number}" for number in range(5))), 1),
        (tree(*(f"SET/{name}" for name in CLASSES)), 2),
        (tree(*(f"SET/SET/{name}" for name in CLASSES)), 3),
        (tree(*(f"SET/{name}/HX-{number}" for name in CLASSES for number in range(3))), 2),
        ([*tree(*(f"SET/{name}" for name in CLASSES)), "readme.txt", "notes/list.csv"], 2),
        (["loose.png", *tree(*CLASSES)], 1),
        ([], 1),
    ],
)
def test_the_class_folder_is_found(paths: list[str], folder: int) -> None:
    assert find_layout(paths).folder == folder


@pytest.mark.parametrize(
    ("paths", "folder", "what"),
    [
        (tree("train/cyst", "test/cyst", "valid/stone"), 2, "test, train, valid: names of splits"),
        (tree("SET/train/cyst", "SET/Test/stone"), 3, "test, train: names of splits"),
        (tree("train", "cyst"), 0, "train: names of splits"),
        ([*tree("train/images", "test/images"), "train/labels/0.txt"], 0, "names of splits"),
        (tree("stone/HX-1", "stone/HX-2"), 2, "2 folder"),
        (tree("SET/stone"), 2, "one folder"),
        (tree("images", "masks"), 0, "name no class"),
        (tree("cyst", "stone", "more/cyst", "more/stone"), 0, "names of other first folders"),
        (tree(*(f"case_{number:05d}" for number in range(20))), 1, "look like patients"),
    ],
)
def test_what_is_ambiguous_is_refused_with_advice(paths: list[str], folder: int, what: str) -> None:
    with pytest.raises(AmbiguousClassesError, match=what) as found:
        find_layout(paths)
    assert found.value.folder == folder
    assert "HX" not in found.value.what  # names are shown in the terminal alone
    option, key = (advice_on(found.value, option=option) for option in (True, False))
    assert ("--class-folder" in option, "ingest.class_folder" in key) == (bool(folder),) * 2


def test_classes_of_the_project_decide() -> None:
    layout = find_layout(tree("export/stone", "cyst/a"), {"stone", "cyst"})
    labels = [layout.label(path) for path in ("export/Stone/0.png", "cyst/stone/0.png", "x/0.png")]
    assert labels == ["stone", "cyst", "x"]


def test_a_given_number_decides() -> None:
    layout = find_layout(tree("train/cyst", "test/stone"), {"cyst"}, 2)
    assert layout.label("train/ Kidney-Stone/0.png") == "kidney-stone"
    with pytest.raises(Refused, match="no class folder"):
        layout.label("train/0.png")


def test_the_class_comes_first_without_the_wrappers() -> None:
    parts = ["SET", "train", "stone", "HX-1", "0.png"]
    assert parts_with_class_first(parts, 2, 1) == ["stone", "train", "HX-1", "0.png"]


def test_class_names() -> None:
    assert Layout().label(" STONE /0.png") == "stone"
    with pytest.raises(Refused, match="a-z, 0-9"):
        Layout().label("Jane Doe/0.png")
