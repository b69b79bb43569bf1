"""The findings of generated images as a COCO file, marked as synthetic."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.base.errors import BadInputError
from pipeline.data.marks.annotated import bodies
from pipeline.synthetic.png import SYNTHETIC_MARK

COCO_FILE = "findings.coco.json"


def coco_of(
    names: Sequence[str], label_maps: NDArray[np.uint8], kinds: Sequence[str], facts: dict[str, Any]
) -> dict[str, Any]:
    """Describe findings as COCO does (cocodataset.org, "Data format", object detection).

    Args:
        names: of the images' files.
        label_maps: uint8 [N, H, W], 0 none, k the k-th kind from 1; each connected part is one
            finding.
        kinds: names.
        facts: about the images, for `info`.

    Returns:
        images, categories and annotations; ids count from 1, a category's is its number in the
        label maps. A segmentation is compressed run-length code, a box is x, y, width and height.
    """
    from pycocotools.mask import area

    height, width = label_maps.shape[1:]
    annotations: list[dict[str, Any]] = []
    for image, labels in enumerate(label_maps, 1):
        for number, kind in enumerate(kinds, 1):
            for found in bodies(kind, labels == number):
                code = {"size": [height, width], "counts": found.mask}
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": image,
                        "category_id": number,
                        "bbox": [*found.box[:2], *found.size],
                        "area": int(area(code)),
                        "segmentation": code,
                        "iscrowd": 0,
                    }
                )
    return {
        "info": {
            "description": "Synthetic images and the findings that they were asked to show",
            "synthetic": True,
            **SYNTHETIC_MARK,
            **facts,
        },
        "licenses": [],
        "images": [
            {"id": number, "file_name": name, "width": width, "height": height}
            for number, name in enumerate(names, 1)
        ],
        "categories": [
            {"id": number, "name": kind, "supercategory": "finding"}
            for number, kind in enumerate(kinds, 1)
        ],
        "annotations": annotations,
    }


def joined_with_file(file: Path, coco: dict[str, Any]) -> dict[str, Any]:
    """What a COCO file says of other images, and what `coco` says; ids are given anew.

    Args:
        file: of an earlier call for the same folder; it need not exist.
        coco: as from `coco_of`.

    Raises:
        BadInputError: the file is not medloom's, or of other kinds of findings.
    """
    if not file.exists():
        return coco
    try:
        before = json.loads(file.read_text())
        same = before["info"]["synthetic"] is True and before["categories"] == coco["categories"]
        new = {image["file_name"] for image in coco["images"]}
        kept = [image for image in before["images"] if image["file_name"] not in new]
        of = {image["id"]: number for number, image in enumerate(kept, 1)}
        notes = [note | {"image_id": of[note["image_id"]]} for note in before["annotations"]
                 if note["image_id"] in of]  # fmt: skip
    except (ValueError, KeyError, TypeError) as error:
        raise BadInputError(
            f"{file} is not of medloom ({error!r}); move it away, or choose another folder"
        ) from error
    if not same:
        raise BadInputError(
            f"{file} is of other kinds of findings, or of images that are not synthetic; move it "
            "away, or choose another folder"
        )
    images = kept + [image | {"id": image["id"] + len(kept)} for image in coco["images"]]
    notes += [note | {"image_id": note["image_id"] + len(kept)} for note in coco["annotations"]]
    numbered = [note | {"id": number} for number, note in enumerate(notes, 1)]
    return coco | {"images": images, "annotations": numbered}
