"""Who used an image: every data revision that holds it and every version that saw it."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.audit.history import Commit, History
from pipeline.audit.listings import Image, Listings
from pipeline.base.errors import BadInputError
from pipeline.base.settings import Settings
from pipeline.data.names import PATIENT_PREFIX, PIXELS_PREFIX, Pseudonyms, phantom_group
from pipeline.ledger.journal import BRANCH, VERDICTS, Journal, Record, champions
from pipeline.ledger.ledger import DATA

LEARNED, CHOSE, JUDGED = "train", "val", "test"
"""A split's use: weights were learned from it, chosen by it, judged on it."""

_SHORTEST = 8
_HEX = re.compile(rf"[0-9a-f]{{{_SHORTEST},64}}")
_GROUP = re.compile(rf"({PATIENT_PREFIX}|{PIXELS_PREFIX})[0-9a-f]{{{_SHORTEST},12}}")
_SHOWN = 5  # candidates that an ambiguous prefix is answered with


@dataclass(frozen=True)
class Tenure:
    """A time as champion; `until` None: still."""

    since: str
    until: str | None


@dataclass(frozen=True)
class RevisionUse:
    """A data revision that holds some of the images.

    Attributes:
        number: 1 for the first revision of the branch `data`.
        data: git commit.
        time: UTC, ISO 8601.
        images: how many of them it holds, by split.
        labels: their classes in it.
    """

    number: int
    data: str
    time: str
    images: dict[str, int]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class VersionUse:
    """A run that lay on some of the images, with its version if the journal knows one.

    Attributes:
        version: registry version; None for a run that the gate has not judged.
        run_key: of the run.
        data: git commit of the data revision it began with.
        images: how many of them it lay on, by split: see `LEARNED`, `CHOSE`, `JUDGED`.
        verdict: the gate's action; "" before it.
        trained: whether the run has weights, that is, whether anything was learned.
        champion: when the version was champion, oldest first.
    """

    version: int | None
    run_key: str
    data: str
    images: dict[str, int]
    verdict: str
    trained: bool
    champion: tuple[Tenure, ...]


@dataclass(frozen=True)
class Uses:
    """The answer.

    Attributes:
        kind: how the question was read: image, group, patient or file.
        name: the image's id or the group; never a patient's own name or a file's.
        images: ids of all the images it is about.
        ledger: git commits of the branches `data` and `journal` that the answer is of.
        revisions: by number.
        versions: by version, those without one last.
        unknown: versions whose listing is not in the ledger any more: it cannot be told.
    """

    kind: str
    name: str
    images: tuple[str, ...]
    ledger: dict[str, str]
    revisions: tuple[RevisionUse, ...]
    versions: tuple[VersionUse, ...]
    unknown: tuple[int, ...] = field(default=())


@dataclass(frozen=True)
class _Subject:
    kind: str
    name: str
    images: tuple[str, ...] = ()


@dataclass(frozen=True)
class _RunData:
    """A run and the commits whose listings it lay on."""

    key: str
    data: str
    commits: tuple[str, ...]
    trained: bool


def find_uses(settings: Settings, asked: str) -> Uses:
    """What became of an image, a group or a patient.

    Args:
        settings: of the project.
        asked: an image's id, the sha256 of its stored or its source file (or at least 8 first
            digits of any), a group, a patient's name, or the path of an image file.

    Raises:
        BadInputError: a prefix of several images or groups, a file that is no image, a listing
            that is none, or a broken journal.
        TransientError: the ledger cannot be reached.
    """
    key = settings.patient_key
    names = Pseudonyms.load(key) if key.exists() else None
    history = History(settings)
    records = Journal(history.ledger).records
    verdicts = {record.run_key: record for record in records if record.action in VERDICTS}
    revisions, runs = history.revisions(), _runs(history, verdicts)
    commits = [one.id for one in revisions] + [commit for run in runs for commit in run.commits]
    listings = Listings(history, commits)
    found = _resolve(listings, asked, names)
    held = listings.holding(set(found.images))
    return Uses(
        found.kind,
        found.name,
        found.images,
        {name: history.heads[name] for name in (DATA, BRANCH) if name in history.heads},
        tuple(_revisions(revisions, held)),
        tuple(_versions(runs, held, verdicts, _tenures(records))),
        tuple(_unknown(runs, listings, verdicts)),
    )


def _runs(history: History, verdicts: dict[str, Record]) -> list[_RunData]:
    """Every run, in the order of their keys.

    A version whose run's branch is gone learned from the data that its verdict names.
    """
    heads = history.run_heads
    there = [
        _RunData(run.key, run.data, tuple(one.id for one in run.commits), "train" in run.stages)
        for run in history.runs(heads)
    ]
    gone = [
        _RunData(key, record.data, (record.data,) if record.data else (), trained=True)
        for key, record in verdicts.items()
        if key not in heads
    ]
    return sorted(there + gone, key=lambda run: run.key)


# -- what is asked for -----------------------------------------------------------------------------


def _resolve(listings: Listings, asked: str, pseudonyms: Pseudonyms | None) -> _Subject:
    if (file := Path(asked)).is_file():
        return _of_file(listings, file)
    digest = asked.strip().lower()
    images = _by_digest(listings, digest) if _HEX.fullmatch(digest) else ()
    group = pseudonyms.patient(asked) if pseudonyms else phantom_group(asked)
    of_patient = _of_group(listings, group) if group else ()
    if images and of_patient:
        raise BadInputError(
            f"{asked} is a patient's name and begins the image {images[0]}: "
            f"ask for the image's whole id, or for the patient's group {group}"
        )
    if images:
        if len(images) > 1 and len(digest) < 64:
            raise _ambiguous(asked, images)
        return _Subject("image", images[0], images)
    if names := _groups(listings, asked, digest):
        if len(names) > 1:
            raise _ambiguous(asked, names)
        return _Subject("group", names[0], _of_group(listings, names[0]))
    if of_patient:
        return _Subject("patient", group, of_patient)
    return _unmatched(digest, group)


def _unmatched(digest: str, group: str) -> _Subject:
    """What was asked for and is not there; `group` is "" when no key could make it one."""
    if _HEX.fullmatch(digest):
        return _Subject("image", digest)
    if _GROUP.fullmatch(digest):
        return _Subject("group", digest)
    if not group:
        raise BadInputError(
            "nothing is known by that name, and patients cannot be asked for here: the key that "
            "they are named under is missing. Let MEDLOOM_PATIENT_KEY_FILE name its file"
        )
    return _Subject("patient", group)


def _of_file(listings: Listings, file: Path) -> _Subject:
    """By the file's bytes, and by its pixels as ingest decodes them."""
    from pipeline.data.config import IngestConfig
    from pipeline.data.formats import decode
    from pipeline.data.formats.canonical import image_id
    from pipeline.data.refusal import Refused

    data = file.read_bytes()
    source = hashlib.sha256(data).hexdigest()
    decoded = [one for one in decode(data, IngestConfig()) if not isinstance(one, Refused)]
    ids = [image_id(one.pixels) for one in decoded]
    known = {image for digest in (source, *ids) for image in _by_digest(listings, digest)}
    return _Subject("file", ids[0] if len(ids) == 1 else source, tuple(sorted(known)))


def _by_digest(listings: Listings, digest: str) -> tuple[str, ...]:
    """Ids of the images one of whose three digests begins so."""

    def fits(row: Image) -> bool:
        return any(one.startswith(digest) for one in (row.id, row.sha256, row.source_sha256))

    return tuple(sorted({row.id for row in listings.search([digest], fits)}))


def _groups(listings: Listings, name: str, prefix: str) -> tuple[str, ...]:
    """The group of that name, else those that begin so."""
    if _of_group(listings, name):
        return (name,)
    if not _GROUP.fullmatch(prefix):
        return ()
    found = listings.search([prefix], lambda row: row.group.startswith(prefix))
    return tuple(sorted({row.group for row in found}))


def _of_group(listings: Listings, group: str) -> tuple[str, ...]:
    written = group.replace('"', '""')  # as csv does
    found = listings.search([written], lambda row: row.group == group)
    return tuple(sorted({row.id for row in found}))


def _ambiguous(asked: str, candidates: tuple[str, ...]) -> BadInputError:
    more = f" and {len(candidates) - _SHOWN} more" if len(candidates) > _SHOWN else ""
    shown = ", ".join(candidates[:_SHOWN])
    return BadInputError(
        f"{asked} begins {len(candidates)} different names: {shown}{more}; type more digits"
    )


# -- who used it -----------------------------------------------------------------------------------


def _revisions(revisions: list[Commit], held: dict[str, set[Image]]) -> Iterable[RevisionUse]:
    for number, commit in enumerate(revisions, 1):
        if rows := held.get(commit.id):
            labels = tuple(sorted({row.label for row in rows}))
            yield RevisionUse(number, commit.id, commit.time, _by_split(rows), labels)


def _versions(
    runs: list[_RunData],
    held: dict[str, set[Image]],
    verdicts: dict[str, Record],
    tenures: dict[int, list[Tenure]],
) -> list[VersionUse]:
    found = []
    for run in runs:
        rows = set[Image]().union(*(held.get(commit, ()) for commit in run.commits))
        if not rows:
            continue
        record = verdicts.get(run.key)
        version, verdict = (record.number, record.action) if record else (None, "")
        trained, champion = run.trained or record is not None, tuple(tenures.get(version or 0, ()))
        found.append(
            VersionUse(version, run.key, run.data, _by_split(rows), verdict, trained, champion)
        )
    return sorted(found, key=lambda use: (use.version is None, use.version or 0))


def _by_split(rows: set[Image]) -> dict[str, int]:
    """How many images, by split."""
    pairs = {(row.split, row.id) for row in rows}
    return dict(sorted(Counter(split for split, _ in pairs).items()))


def _tenures(records: list[Record]) -> dict[int, list[Tenure]]:
    held: dict[int, list[Tenure]] = {}
    for version, since, until in champions(records):
        held.setdefault(version, []).append(Tenure(since, until))
    return held


def _unknown(runs: list[_RunData], listings: Listings, verdicts: dict[str, Record]) -> list[int]:
    return sorted(
        verdicts[run.key].number
        for run in runs
        if run.key in verdicts and not any(commit in listings for commit in run.commits)
    )
