"""Show images to a person who decides about them; each look is recorded first.

Set-aside ones are read again in the landing zone, those of the data from the remote.
"""

import io
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.data.config import IngestConfig
from pipeline.data.formats import Pixels
from pipeline.data.landing.index import LocalIndex
from pipeline.data.manifest import RAW_FOLDER, Row
from pipeline.data.revise.quarantining import QuarantinedFile, find_quarantined
from pipeline.data.revise.revision import Revisions, withdrawn_list
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.looks import record_look
from pipeline.ledger.objects import read_object
from pipeline.ledger.project_params import ProjectParams
from pipeline.reports.data.pictures import shown
from pipeline.reports.data.quarantined import can_be_read_again, read_again, shows_text

MOST_AT_ONCE = 12
"""Most images of one look."""
PURPOSE, PROPOSED = "quarantine", "proposal"
_SIDE = 1024


@dataclass(frozen=True)
class SetAside:
    """One image that is set aside, or proposed to be, as a person may see it.

    Attributes:
        record: of the quarantine, or of a proposal.
        label: class, or "".
        image: uint8 [H, W], at most 1024 pixels a side; None: it cannot be shown.
        may_name: whether it may show text, such as a patient's name.
    """

    record: str
    label: str
    image: NDArray[np.uint8] | None
    may_name: bool = False


def look_at(
    project: Project, records: Sequence[str], *, by: str, reason: str, role: str = ""
) -> list[SetAside]:
    """Read set-aside images again for a person; the look is in the ledger before they are read.

    Files that were never decoded, that changed since their ingest, or whose patient withdrew
    consent are not shown. What was decoded before is decoded in this process.

    Args:
        project: the project.
        records: of the quarantine, at most `MOST_AT_ONCE` images.
        by: who looks, as decisions name them.
        reason: why, in words, without a patient's name.
        role: of that person.

    Raises:
        BadInputError: no reason, too many images, or an unknown record.
        TransientError: the look could not be recorded; nothing is shown.
    """
    found = {each.record: each for record in records for each in find_quarantined(project, record)}
    _require_sensible(len(found), reason)
    readable = {name: each for name, each in found.items() if can_be_read_again(each.entry)}
    images = {each.entry.image_id for each in readable.values()}
    pixels = dict[str, Pixels]()
    if images:
        ledger = Ledger(project)
        record_look(
            ledger, sorted(images), by=by, role=role, purpose=PURPOSE, reason=reason
        )  # fmt: skip
        pixels = _pixels(project, ledger, list(readable.values()))
    return [_shown(each, pixels.get(each.entry.image_id)) for each in found.values()]


def look_at_held(
    project: Project, images: Sequence[str], *, by: str, reason: str, role: str = ""
) -> list[SetAside]:
    """Read images of the newest data revision; the look is in the ledger before they are read.

    Args:
        project: the project.
        images: ids, at most `MOST_AT_ONCE`; those that left the data are not shown.
        by, reason, role: as for `look_at`.

    Raises:
        BadInputError: no reason, or too many images.
        TransientError: the look could not be recorded; nothing is shown.
    """
    _require_sensible(len(images), reason)
    ledger = Ledger(project)
    revisions = Revisions(ledger)
    rows = {row.id: row for row in revisions.rows(revisions.head) if row.id in set(images)}
    if rows:
        record_look(ledger, sorted(rows), by=by, role=role, purpose=PROPOSED, reason=reason)
    found = []
    for image in images:
        row = rows.get(image)
        pixels = _stored(project, ledger, revisions.head, row) if row else None
        small = None if pixels is None else np.asarray(shown(pixels, _SIDE), dtype=np.uint8)
        names = pixels is not None and shows_text(pixels, "")
        found.append(SetAside(image[:12], row.label if row else "", small, names))
    return found


def _stored(project: Project, ledger: Ledger, revision: str, row: Row) -> Pixels | None:
    """The pixels of an image of a data revision; None if they are gone, as after a purge."""
    tracked = yaml.safe_load(ledger.read(revision, f"{RAW_FOLDER / row.batch}.dvc") or "{}")
    try:
        listing = json.loads(read_object(project, tracked["outs"][0]["md5"]))
        names = {entry["relpath"]: entry["md5"] for entry in listing}
        content = read_object(project, names[f"{row.id}.png"])
    except (BadInputError, KeyError):
        return None
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        return np.asarray(image)


def _require_sensible(count: int, reason: str) -> None:
    if not reason.strip():
        raise BadInputError("say in a few words why you look; it is kept for good")
    if count > MOST_AT_ONCE:
        raise BadInputError(f"{count} images are chosen; look at {MOST_AT_ONCE} at once")


def _pixels(
    project: Project, ledger: Ledger, chosen: Sequence[QuarantinedFile]
) -> dict[str, Pixels]:
    """Pixels by image id, of the images that could be read."""
    with tempfile.TemporaryDirectory() as folder:
        files = read_again(
            project.landing,
            LocalIndex.of(project),
            [each.entry for each in chosen],
            ProjectParams.of(project).section("ingest", IngestConfig),
            withdrawn_list(ledger),
            Path(folder) / "refused",
            workers=0,
            on_progress=lambda _done, _total: None,
        )
        read = {}
        for id_, file in files.items():
            with Image.open(file, formats=["PNG"]) as image:
                read[id_] = np.asarray(image)
        return read


def _shown(each: QuarantinedFile, pixels: Pixels | None) -> SetAside:
    if pixels is None:
        return SetAside(each.record, each.label, None)
    small = np.asarray(shown(pixels, _SIDE), dtype=np.uint8)
    return SetAside(each.record, each.label, small, shows_text(pixels, each.reason))
