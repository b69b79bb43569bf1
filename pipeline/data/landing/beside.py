"""Tell by their paths which files beside images say where findings are, and of which image.

A file of one image (a mask, a YOLO file, a truth) is taken for that only if the image is there. A
list (COCO, boxes.csv) and the names of kinds hold for the images of their folder and below it.
docs/ingest.md has the table of layouts.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

TRUTH_SUFFIX = ".truth.json"
"""Of the truth beside an image of a built-in data set."""
Form = Literal["boxes", "mask", "coco", "yolo", "truth", "names"]
LISTS = frozenset(("boxes", "coco", "names"))
"""Forms of one file for many images."""

_NAMED: dict[Form, tuple[str, ...]] = {
    "names": ("classes*.txt", "obj*.names", "data*.yaml", "data*.yml", "dataset*.json",
              "_darknet.labels"),
    "coco": ("annotations*.json", "instances*.json", "*.coco*.json", "*_coco*.json", "coco*.json"),
    "boxes": ("boxes*.csv",),
}  # fmt: skip
_MASKS = (".png", ".bmp", ".tif", ".tiff", ".nii", ".nii.gz")
_NO_IMAGES = frozenset(
    (".txt", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".md", ".html", ".pdf",
     ".py", ".log", ".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".npz", ".labels", ".names")
)  # fmt: skip
_FOLDERS = {
    "labels": "images", "label": "images", "masks": "images", "mask": "images",
    "segmentations": "images", "segmentation": "images", "annotations": "images",
    "labelstr": "imagestr", "labelsts": "imagests", "labelsval": "imagesval",
}  # fmt: skip
"""A folder of masks or YOLO files, and the folder of images beside it."""
_SUFFIX = re.compile(
    r"(?P<image>.+?)[ _.-](?:masks?|seg|segmentation|labels?)(?:[ _.-](?P<kind>[a-z0-9-]+))?"
)
_WHOLE = {
    "segmentation": ("imaging", "image", "volume", "ct", "scan"),
    "seg": ("imaging", "image", "volume", "ct", "scan"),
    "mask": ("imaging", "image", "volume", "ct", "scan"),
    "label": ("imaging", "image", "volume", "ct", "scan"),
}
_NUMBERED = re.compile(r"segmentation(?P<number>[ _-]?\d+)")


@dataclass(frozen=True)
class Beside:
    """A file that says where findings of images are.

    Attributes:
        path: of the file.
        form: how it says so.
        kind: of its findings, where the path gives it; else "".
    """

    path: str = field(repr=False)
    form: Form
    kind: str = ""


@dataclass(frozen=True)
class _Name:
    """A path in its parts, in lower case."""

    path: str
    folders: tuple[str, ...]
    stem: str
    suffix: str

    @classmethod
    def of(cls, path: str) -> "_Name":
        *folders, name = path.lower().split("/")
        stem, dot, suffix = name.rpartition(".")
        if suffix == "gz" and stem.endswith(".nii"):
            stem, suffix = stem.removesuffix(".nii"), "nii.gz"
        if not stem:
            stem, dot, suffix = name, "", ""
        return cls(path, tuple(folders), stem, f"{dot}{suffix}")


def find_beside(paths: Iterable[str]) -> tuple[dict[str, tuple[Beside, ...]], frozenset[str]]:
    """Find the files that say where findings are.

    Args:
        paths: of all files, with "/" between the parts.

    Returns:
        For each image that has any, by its path: the files, nearest folder first. And the paths of
        all such files: they are no images.
    """
    names = [_Name.of(path) for path in sorted(paths)]
    listed = {name.path: form for name in names if (form := _form_of_list(name))}
    images: dict[tuple[tuple[str, ...], str], list[_Name]] = defaultdict(list)
    for name in names:
        if name.path not in listed and name.suffix not in _NO_IMAGES:
            images[name.folders, name.stem].append(name)
    own: dict[str, list[Beside]] = defaultdict(list)
    for name in names:
        if name.path not in listed and (pair := _image_of(name, images)):
            own[pair[0].path].append(pair[1])
    taken = {one.path for found in own.values() for one in found}
    for path in taken & set(own):  # a mask has no mask
        del own[path]
    rest = [name for found in images.values() for name in found if name.path not in taken]
    lists: dict[tuple[str, ...], list[Beside]] = defaultdict(list)
    for name in names:
        if form := listed.get(name.path):
            lists[_covered(name.folders)].append(Beside(name.path, form))
    for image in rest if lists else ():
        above = [image.folders[:depth] for depth in range(len(image.folders) + 1)]
        if found := [one for folders in above for one in lists.get(folders, ())]:
            own[image.path] += found
    sidecars = frozenset(one.path for found in own.values() for one in found)
    return {path: tuple(sorted(found, key=_nearness)) for path, found in own.items()}, sidecars


def holds_sidecars(folder: str) -> bool:
    """Whether a folder is one of masks or YOLO files, by its name."""
    return folder.lower() in _FOLDERS


def looks_like_one(path: str) -> bool:
    """Whether a path is that of a mask or of a YOLO file by its folder or its name."""
    name = _Name.of(path)
    inside = any(folder in _FOLDERS for folder in name.folders[-2:])
    if name.suffix == ".txt":
        return inside
    return name.suffix in _MASKS and (inside or bool(_SUFFIX.fullmatch(name.stem)))


def _nearness(one: Beside) -> tuple[int, str]:
    return -one.path.count("/"), one.path


def _form_of_list(name: _Name) -> Form | None:
    whole = name.stem + name.suffix
    for form, patterns in _NAMED.items():
        if any(fnmatchcase(whole, pattern) for pattern in patterns):
            return form
    return None


def _covered(folders: tuple[str, ...]) -> tuple[str, ...]:
    """The folder for whose images a list in `folders` holds."""
    return folders[:-1] if folders and folders[-1] in _FOLDERS else folders


def _image_of(
    name: _Name, images: dict[tuple[tuple[str, ...], str], list[_Name]]
) -> tuple[_Name, Beside] | None:
    """The image that a file belongs to, if it is such a file and the image is there."""
    for form, folders, stem, kind in _places(name):
        found = [one for one in images.get((folders, stem), ()) if one.path != name.path]
        if len(found) == 1 and (form != "mask" or _fits(name, found[0])):
            return found[0], Beside(name.path, form, kind)
    return None


def _fits(mask: _Name, image: _Name) -> bool:
    """Whether both are volumes, or both are not."""
    return mask.suffix.startswith(".nii") == image.suffix.startswith(".nii")


def _places(name: _Name) -> Iterator[tuple[Form, tuple[str, ...], str, str]]:
    """Where the image may be: form, its folders, its name without the ending, and the kind."""
    if name.suffix == ".json" and name.stem.endswith(".truth"):
        yield "truth", name.folders, name.stem.removesuffix(".truth"), ""
    elif name.suffix == ".txt":
        yield "yolo", name.folders, name.stem, ""
        for folders, _ in _image_folders(name.folders):
            yield "yolo", folders, name.stem, ""
    elif name.suffix in _MASKS:
        stems = list(_mask_stems(name.stem))
        for stem, kind in stems[1:]:
            yield "mask", name.folders, stem, kind
        for folders, kind in _image_folders(name.folders):
            for stem, own in stems:
                yield "mask", folders, stem, own or kind
                yield "mask", folders, f"{stem}_0000", own or kind  # of nnU-Net


def _mask_stems(stem: str) -> Iterator[tuple[str, str]]:
    """Names that the image may have, and the kind that the mask's name gives."""
    yield stem, ""
    if match := _SUFFIX.fullmatch(stem):
        kind = match["kind"] or ""
        yield match["image"], "" if kind.isdigit() else kind
    for image in _WHOLE.get(stem, ()):
        yield image, ""
    if match := _NUMBERED.fullmatch(stem):
        yield f"volume{match['number']}", ""


def _image_folders(folders: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Folders of images that belong to a folder of masks or YOLO files, and the kind of these.

    In masks/KIND/ the folder gives the kind.
    """
    for index in range(len(folders) - 1, -1, -1):
        if (images := _FOLDERS.get(folders[index])) is None:
            continue
        before, after = folders[:index], folders[index + 1 :]
        yield (*before, images, *after), ""
        yield (*before, *after), ""
        if after:
            yield (*before, images, *after[1:]), after[0]
            yield (*before, *after[1:]), after[0]
