"""Find the uses of an image: the data revisions and versions with it."""

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.audit.history import Commit, History
from pipeline.audit.listings import Image, Listings
from pipeline.audit.proposal_uses import ProposalUse, proposal_uses
from pipeline.audit.study_uses import StudyUse, study_uses
from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.base.start import Start
from pipeline.data.names import PATIENT_PREFIX, PIXELS_PREFIX, Pseudonyms, phantom_group
from pipeline.ledger.descent import ancestors
from pipeline.ledger.journal import BRANCH, VERDICTS, Journal, Record, champions
from pipeline.ledger.ledger import DATA

LEARNED, CHOSE, JUDGED = "train", "val", "test"
"""The splits by their use: to learn weights, to choose weights, to judge them."""

_SHORTEST = 8
_HEX = re.compile(rf"[0-9a-f]{{{_SHORTEST},64}}")
_GROUP = re.compile(rf"({PATIENT_PREFIX}|{PIXELS_PREFIX})[0-9a-f]{{{_SHORTEST},12}}")
_SHOWN = 5  # candidates in the message about an ambiguous prefix


@dataclass(frozen=True)
class Tenure:
    """A time as champion; `until` is None for the current champion."""

    since: str
    until: str | None


@dataclass(frozen=True)
class RevisionUse:
    """A data revision that holds some of the images.

    Attributes:
        number: 1 for the first revision of the branch `data`.
        data: git commit.
        time: UTC, ISO 8601.
        images: number of the images in it, by split.
        labels: their classes in it.
        findings: number of the images in it that somebody looked at for findings.
    """

    number: int
    data: str
    time: str
    images: dict[str, int]
    labels: tuple[str, ...]
    findings: int = 0


@dataclass(frozen=True)
class VersionUse:
    """A run whose data include some of the images, and its version if it has a verdict.

    Attributes:
        version: registry version; None for a run without a verdict.
        run_key: of the run.
        data: git commit of the run's data revision.
        images: number of the images in its data, by split: see `LEARNED`, `CHOSE`, `JUDGED`.
        inherited: the same in the data of the runs that it goes on from, of which it has learned
            through their networks; an image that is in its own data, too, is counted in both.
        ancestors: versions with some of the images, or run keys without a version, that it goes on
            from; the nearest first.
        verdict: the gate's action; "" before it.
        trained: whether the run has weights.
        champion: when the version was champion, oldest first.
    """

    version: int | None
    run_key: str
    data: str
    images: dict[str, int]
    verdict: str
    trained: bool
    champion: tuple[Tenure, ...]
    inherited: dict[str, int] = field(default_factory=dict)
    ancestors: tuple[int | str, ...] = ()


@dataclass(frozen=True)
class Uses:
    """The uses of an image, a group or a patient.

    Attributes:
        kind: what the name was resolved to: image, group, patient or file.
        name: the image's id or the group; never a patient's own name or a file's.
        images: ids of all images found.
        ledger: git commits of the branches `data` and `journal` at the time of the answer.
        revisions: by number.
        versions: by version; runs without a version come last.
        unknown: versions whose manifest is no longer in the ledger, so their use is unknown.
        studies: reader studies with some of the images, by name.
        proposals: to take some of the images out of the data, and the answers, oldest first.
    """

    kind: str
    name: str
    images: tuple[str, ...]
    ledger: dict[str, str]
    revisions: tuple[RevisionUse, ...]
    versions: tuple[VersionUse, ...]
    unknown: tuple[int, ...] = field(default=())
    studies: tuple[StudyUse, ...] = field(default=())
    proposals: tuple[ProposalUse, ...] = field(default=())


@dataclass(frozen=True)
class _Subject:
    kind: str
    name: str
    images: tuple[str, ...] = ()


@dataclass(frozen=True)
class _RunData:
    """A run and the commits with its manifests."""

    key: str
    data: str
    commits: tuple[str, ...]
    trained: bool


def find_uses(project: Project, asked: str) -> Uses:
    """Find the uses of an image, a group or a patient.

    Args:
        project: the project.
        asked: an image's id, the sha256 of its stored or its source file (or the first 8 or more
            digits of any), a group, a patient's name, or the path of an image file.

    Raises:
        BadInputError: the prefix is ambiguous, the file is not an image, a manifest cannot be
            parsed, or the journal is broken.
        TransientError: the ledger cannot be reached.
    """
    key = project.patient_key
    names = Pseudonyms.load(key) if key.exists() else None
    history = History(project)
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
        tuple(_versions(runs, held, verdicts, _tenures(records), history.starts())),
        tuple(_unknown(runs, listings, verdicts)),
        tuple(study_uses(history, set(found.images))),
        proposal_uses(history, found.images),
    )


def _runs(history: History, verdicts: dict[str, Record]) -> list[_RunData]:
    """Every run, ordered by key; if its branch is gone, with the data that its verdict names."""
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
    called = pseudonyms.ever(asked) if pseudonyms else (phantom_group(asked),)
    group, of_patient = _of_patient(listings, called)
    if images and of_patient:
        raise BadInputError(
            f"{asked} is a patient's name and also a prefix of the image {images[0]}; give the "
            f"image's whole id, or the patient's group {group}"
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
    """An image, group or patient that the ledger does not have; `group` is "" without a key."""
    if _HEX.fullmatch(digest):
        return _Subject("image", digest)
    if _GROUP.fullmatch(digest):
        return _Subject("group", digest)
    if not group:
        raise BadInputError(
            "no image or group has that name, and it cannot be looked up as a patient's, because "
            "the patient key is missing; set MEDLOOM_PATIENT_KEY_FILE to the key's file"
        )
    return _Subject("patient", group)


def _of_file(listings: Listings, file: Path) -> _Subject:
    """Look up a file by the hash of its bytes, and of its pixels as ingest decodes them."""
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
    """Ids of the images with one of the three digests starting with `digest`."""

    def fits(row: Image) -> bool:
        return any(one.startswith(digest) for one in (row.id, row.sha256, row.source_sha256))

    return tuple(sorted({row.id for row in listings.search([digest], fits)}))


def _groups(listings: Listings, name: str, prefix: str) -> tuple[str, ...]:
    """The group of that name, else the groups with that prefix."""
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


def _of_patient(listings: Listings, called: Collection[str]) -> tuple[str, tuple[str, ...]]:
    """The group and the images of a patient, by all pseudonyms that versions gave the name.

    The group is "" without a pseudonym. An earlier version may have divided the patient's images
    between two groups: the first by name is told, with the images of both.
    """
    if not any(called):
        return "", ()
    found = listings.search(called, lambda row: row.group in called or row.patient in called)
    groups = sorted({row.group for row in found})
    images = {id_ for group in groups for id_ in _of_group(listings, group)}
    return (groups or [*called])[0], tuple(sorted(images))


def _ambiguous(asked: str, candidates: tuple[str, ...]) -> BadInputError:
    more = f" and {len(candidates) - _SHOWN} more" if len(candidates) > _SHOWN else ""
    shown = ", ".join(candidates[:_SHOWN])
    return BadInputError(
        f"{asked} is a prefix of {len(candidates)} names: {shown}{more}; give more digits"
    )


# -- who used it -----------------------------------------------------------------------------------


def _revisions(revisions: list[Commit], held: dict[str, set[Image]]) -> Iterable[RevisionUse]:
    for number, commit in enumerate(revisions, 1):
        if rows := held.get(commit.id):
            labels = tuple(sorted({row.label for row in rows}))
            looked_at = sum(bool(row.findings) for row in rows)
            yield RevisionUse(number, commit.id, commit.time, _by_split(rows), labels, looked_at)


def _versions(
    runs: list[_RunData],
    held: dict[str, set[Image]],
    verdicts: dict[str, Record],
    tenures: dict[int, list[Tenure]],
    starts: dict[str, Start],
) -> list[VersionUse]:
    found = []
    used = {
        run.key: set[Image]().union(*(held.get(commit, ()) for commit in run.commits))
        for run in runs
    }
    for run in runs:
        line = ancestors(run.key, starts)
        rows, through = used[run.key], [key for key in line if used.get(key)]
        if not rows and not through:
            continue
        record = verdicts.get(run.key)
        version, verdict = (record.number, record.action) if record else (None, "")
        trained, champion = run.trained or record is not None, tuple(tenures.get(version or 0, ()))
        inherited = _by_split(set[Image]().union(*(used[key] for key in through)))
        named = tuple(verdicts[key].number if key in verdicts else key for key in through)
        found.append(
            VersionUse(version, run.key, run.data, _by_split(rows), verdict, trained, champion,
                       inherited, named)
        )  # fmt: skip
    return sorted(found, key=lambda use: (use.version is None, use.version or 0))


def _by_split(rows: set[Image]) -> dict[str, int]:
    """Number of images by split."""
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
