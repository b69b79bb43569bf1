"""COCO's JSON: boxes, outlines and run-length codes of many images."""

import json
from typing import Any

from pipeline.data.landing.marks import Mark, Marks
from pipeline.data.marks.annotated import WrongMarkError, kind_of
from pipeline.synthetic.png import is_marked


def read_coco(data: bytes) -> dict[str, Marks]:
    """File name -> what is said of it; an image without annotations has no findings.

    A file that `medloom generate` wrote says nothing of real images of the same names.

    Raises:
        WrongMarkError: it is no such file.
    """
    try:
        content: dict[str, Any] = json.loads(data)
        info = content.get("info") or {}
        synthetic = info.get("synthetic") is True or is_marked(info)
        kinds = {one["id"]: str(one["name"]) for one in content["categories"]}
        own: dict[Any, list[dict[str, Any]]] = {one["id"]: [] for one in content["images"]}
        for one in content["annotations"]:
            if one["image_id"] in own:
                own[one["image_id"]].append(one)
        return {
            str(image["file_name"]): (
                Marks(wrong="synthetic") if synthetic else _of_image(image, own[image["id"]], kinds)
            )
            for image in content["images"]
        }
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise WrongMarkError("unreadable") from None


def _of_image(
    image: dict[str, Any], annotations: list[dict[str, Any]], kinds: dict[Any, str]
) -> Marks:
    size = (int(image["width"]), int(image["height"])) if image.get("width") else None
    try:
        return Marks(tuple(_mark(one, kinds) for one in annotations), size)
    except WrongMarkError as error:
        return Marks((), size, error.wrong)
    except (ValueError, TypeError, KeyError, AttributeError):
        return Marks((), size, "unreadable")


def _mark(one: dict[str, Any], kinds: dict[Any, str]) -> Mark:
    if one["category_id"] not in kinds:
        raise WrongMarkError("unknown-kind")
    kind, outline = kind_of(kinds[one["category_id"]]), one.get("segmentation")
    if isinstance(outline, dict):
        counts = outline["counts"]
        if isinstance(counts, list):
            counts = tuple(int(run) for run in counts)
        elif not isinstance(counts, str):
            raise TypeError(counts)
        return Mark(kind, counts=counts)
    if outline:
        return Mark(
            kind, polygons=tuple(tuple(float(number) for number in each) for each in outline)
        )
    x, y, width, height = (float(number) for number in one["bbox"])
    return Mark(kind, box=(x, y, x + width, y + height))
