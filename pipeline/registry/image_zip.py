"""The files of drawn images in one ZIP file, with a manifest that says how to draw them again."""

import hashlib
import io
import json
import zipfile
from typing import Any

from pipeline.data.synthetic import SIDECAR_SUFFIX, SYNTHETIC_MARK
from pipeline.registry.coco import COCO_FILE
from pipeline.registry.drawn_images import DrawnImages, coco_text, mask_name, sidecar_text

MANIFEST_FILE = "manifest.json"
TERMS = "synthetic images, for research and development; not for diagnosis"
_TIME = (1980, 1, 1, 0, 0, 0)  # equal images give equal bytes


def zip_bytes(drawn: DrawnImages) -> bytes:
    """A ZIP file of the images, as `medloom generate` writes them, and a manifest.

    Where it is known where the findings are, it holds their masks and a COCO file, too.
    """
    files = _files(drawn)
    files[MANIFEST_FILE] = _json(manifest(drawn, files))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _TIME)
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def manifest(drawn: DrawnImages, files: dict[str, bytes]) -> dict[str, Any]:
    """What the manifest says.

    Args:
        drawn: the images.
        files: name -> content of each file beside the manifest.

    Returns:
        model, version, weights_sha256, label, seed and what else the images were drawn by; for
        each image its index, file, sha256 and findings; sha256 of every file.
    """
    sha256 = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    images: list[dict[str, Any]] = []
    for index, name in enumerate(drawn.names):
        one: dict[str, Any] = {"index": index, "file": name, "sha256": sha256[name]}
        if (findings := drawn.told.findings(index)) is not None:
            one["findings"] = findings
        if drawn.masked:
            one |= {"mask": mask_name(name), "mask_sha256": sha256[mask_name(name)]}
        images.append(one)
    return {
        "synthetic": True,
        **SYNTHETIC_MARK,
        "terms": TERMS,
        **drawn.facts,
        "truncation": drawn.order.truncation,
        "weights_sha256": drawn.version.weights_sha256,
        "kinds": list(drawn.spec.kinds),
        "coco": COCO_FILE if drawn.masked else None,
        "images": images,
        "files": sha256,
    }


def _files(drawn: DrawnImages) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for index, name in enumerate(drawn.names):
        files[name] = drawn.png(index)
        files[f"{name}{SIDECAR_SUFFIX}"] = sidecar_text(drawn.about(index)).encode()
        if drawn.masked:
            mask = mask_name(name)
            files[mask] = drawn.mask_png(index)
            files[f"{mask}{SIDECAR_SUFFIX}"] = sidecar_text(drawn.about_mask(index)).encode()
    if drawn.masked:
        files[COCO_FILE] = coco_text(drawn.coco()).encode()
    return files


def _json(facts: dict[str, Any]) -> bytes:
    return (json.dumps(facts, indent=2) + "\n").encode()
