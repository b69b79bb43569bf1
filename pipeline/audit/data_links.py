"""Links of the data: the manifest, listing and objects of each batch."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import yaml

from pipeline.audit.links import Link
from pipeline.audit.objects import CheckedObjects
from pipeline.data.manifest import MANIFEST_FOLDER, RAW_FOLDER
from pipeline.ledger.git import Git


@dataclass(frozen=True)
class Batch:
    """One batch in a data revision.

    Attributes:
        name: of the batch.
        blobs: git ids of its .dvc file and its manifest; they identify the batch's state.
        listing: object name of DVC's listing of it.
        images: id -> sha256 of the stored file, by the manifest.
    """

    name: str
    blobs: tuple[str, str]
    listing: str = field(compare=False)
    images: Mapping[str, str] = field(compare=False)


def batches_of(git: Git, commit: str) -> list[Batch]:
    """The batches of a data revision."""
    lines = git.run("ls-tree", "-r", commit, f"{RAW_FOLDER}/", f"{MANIFEST_FOLDER}/").splitlines()
    blobs = {path: facts.split()[2] for facts, path in (line.split("\t") for line in lines)}
    found = []
    for path in sorted(blobs):
        if PurePosixPath(path).parent == PurePosixPath(RAW_FOLDER) and path.endswith(".dvc"):
            name = PurePosixPath(path).stem
            manifest = blobs.get(str(MANIFEST_FOLDER / f"{name}.csv"), "")
            listing = yaml.safe_load(git.run("cat-file", "blob", blobs[path]))["outs"][0]["md5"]
            text = git.run("cat-file", "blob", manifest) if manifest else "id,sha256"
            images = {row["id"]: row["sha256"] for row in csv.DictReader(text.splitlines())}
            found.append(Batch(name, (blobs[path], manifest), listing, images))
    return found


def batch_links(batch: Batch, objects: CheckedObjects, purged: Mapping[str, int]) -> Iterator[Link]:
    """Check the listing, every object that it names, and every image of the manifest.

    Args:
        batch: to check.
        objects: of the remote.
        purged: image id -> number of the journal record that purged it.
    """
    yield Link(
        f"manifest of {batch.name}", bool(batch.blobs[1]), "there is none",
        "a batch without a manifest was not made by ingest",
    )  # fmt: skip
    yield objects.link(batch.listing, f"listing of {batch.name}")
    listing = objects.listing(batch.listing)
    for path, name in sorted(listing.items()):
        image = PurePosixPath(path).stem if path.endswith(".png") else ""
        yield Link(
            f"image {image} in the manifest", not image or image in batch.images, "it has no row",
            "the listing names an image that no ingest recorded",
        )  # fmt: skip
        what = f"image {image}" if image else f"file {path}"
        yield objects.link(name, f"{what} of {batch.name}", batch.images.get(image, ""))
    if batch.listing in objects.purged and not listing:
        return
    for image in sorted(batch.images):
        record = purged.get(image)
        yield Link(
            f"image {image} of {batch.name} in the listing",
            f"{image}.png" in listing or record is not None, "the listing does not name it",
            "an image of the manifest has no file", f"an image was purged, as record {record} says"
            if record else "",
        )  # fmt: skip
