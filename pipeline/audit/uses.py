"""Who used an image: every data revision that holds it and every version that saw it."""

import hashlib
import re
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.audit.index import Index, Say, ask, quiet
from pipeline.base.errors import BadInputError
from pipeline.base.settings import Settings
from pipeline.data.names import PATIENT_PREFIX, PIXELS_PREFIX, Pseudonyms, phantom_group
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
class _Asked:
    kind: str
    name: str
    images: tuple[bytes, ...]


def find_uses(settings: Settings, asked: str, say: Say = quiet) -> Uses:
    """What became of an image, a group or a patient.

    Args:
        settings: of the project.
        asked: an image's id, the sha256 of its stored or its source file (or at least 8 first
            digits of any), a group, a patient's name, or the path of an image file.
        say: told what is read into the index: (what, done, to do).

    Raises:
        BadInputError: a prefix of several images or groups, a file that is no image, or a broken
            journal.
        TransientError: the ledger cannot be reached.
    """
    key = settings.patient_key
    names = Pseudonyms.load(key) if key.exists() else None
    return ask(settings, lambda index: _uses(index, asked, names), say)


def _uses(index: Index, asked: str, names: Pseudonyms | None) -> Uses:
    found = _resolve(index.rows, asked, names)
    rows, heads = index.rows, index.history.heads
    rows.execute("CREATE TEMP TABLE asked (id BLOB PRIMARY KEY)")
    rows.executemany("INSERT INTO asked VALUES (?)", ((id_,) for id_ in found.images))
    return Uses(
        found.kind,
        found.name,
        tuple(id_.hex() for id_ in found.images),
        {name: heads[name] for name in (DATA, "journal") if name in heads},
        tuple(_revisions(rows)),
        tuple(_versions(rows)),
        tuple(_unknown(rows)),
    )


# -- what is asked for -----------------------------------------------------------------------------


def _resolve(rows: sqlite3.Connection, asked: str, pseudonyms: Pseudonyms | None) -> _Asked:
    if (file := Path(asked)).is_file():
        return _of_file(rows, file)
    digest = asked.strip().lower()
    images = _by_digest(rows, digest) if _HEX.fullmatch(digest) else []
    group = pseudonyms.patient(asked) if pseudonyms else phantom_group(asked)
    of_patient = _of_group(rows, group) if group else ()
    if images and of_patient:
        raise BadInputError(
            f"{asked} is a patient's name and begins the image {images[0].hex()}: "
            f"ask for the image's whole id, or for the patient's group {group}"
        )
    if images:
        if len(images) > 1 and len(digest) < 64:
            raise _ambiguous(asked, [id_.hex() for id_ in images])
        return _Asked("image", images[0].hex(), tuple(images))
    if names := _groups(rows, asked, digest):
        if len(names) > 1:
            raise _ambiguous(asked, names)
        return _Asked("group", names[0], _of_group(rows, names[0]))
    if of_patient:
        return _Asked("patient", group, of_patient)
    return _of_nobody(digest, group)


def _of_nobody(digest: str, group: str) -> _Asked:
    """What was asked for and is not there; `group` is "" when no key could make it one."""
    if _HEX.fullmatch(digest):
        return _Asked("image", digest, ())
    if _GROUP.fullmatch(digest):
        return _Asked("group", digest, ())
    if not group:
        raise BadInputError(
            "nothing is known by that name, and patients cannot be asked for here: the key that "
            "they are named under is missing. Let MEDLOOM_PATIENT_KEY_FILE name its file"
        )
    return _Asked("patient", group, ())


def _of_file(rows: sqlite3.Connection, file: Path) -> _Asked:
    """By the file's bytes, and by its pixels as ingest decodes them."""
    from pipeline.data.config import IngestConfig
    from pipeline.data.formats import decode
    from pipeline.data.formats.canonical import image_id
    from pipeline.data.refusal import Refused

    data = file.read_bytes()
    source = hashlib.sha256(data).hexdigest()
    decoded = [one for one in decode(data, IngestConfig()) if not isinstance(one, Refused)]
    ids = [image_id(one.pixels) for one in decoded]
    known = {image for digest in (source, *ids) for image in _by_digest(rows, digest)}
    return _Asked("file", ids[0] if len(ids) == 1 else source, tuple(sorted(known)))


def _by_digest(rows: sqlite3.Connection, digest: str) -> list[bytes]:
    """Ids of the images one of whose three digests begins so."""
    low, high = (bytes.fromhex(digest.ljust(64, end)) for end in "0f")
    query = " UNION ".join(
        f"SELECT id FROM images WHERE {column} BETWEEN ?1 AND ?2"  # noqa: S608 - names of ours
        for column in ("id", "stored", "source")
    )
    return [id_ for (id_,) in rows.execute(query, (low, high))]


def _groups(rows: sqlite3.Connection, name: str, prefix: str) -> list[str]:
    """The group of that name, else those that begin so."""
    if _of_group(rows, name):
        return [name]
    if not _GROUP.fullmatch(prefix):
        return []
    query = "SELECT DISTINCT grp FROM images WHERE grp BETWEEN ?1 AND ?1 || 'g' ORDER BY grp"
    return [group for (group,) in rows.execute(query, (prefix,))]


def _of_group(rows: sqlite3.Connection, group: str) -> tuple[bytes, ...]:
    query = "SELECT DISTINCT id FROM images WHERE grp = ? ORDER BY id"
    return tuple(id_ for (id_,) in rows.execute(query, (group,)))


def _ambiguous(asked: str, candidates: list[str]) -> BadInputError:
    more = f" and {len(candidates) - _SHOWN} more" if len(candidates) > _SHOWN else ""
    shown = ", ".join(candidates[:_SHOWN])
    return BadInputError(
        f"{asked} begins {len(candidates)} different names: {shown}{more}; type more digits"
    )


# -- who used it -----------------------------------------------------------------------------------
# CROSS JOIN keeps the order in which it is written: from the few images to what holds them.


def _revisions(rows: sqlite3.Connection) -> Iterable[RevisionUse]:
    query = """
        SELECT number, data, time, split, label, count(DISTINCT id)
        FROM asked CROSS JOIN images USING (id) CROSS JOIN listings USING (blob)
        CROSS JOIN revisions USING (listing)
        GROUP BY number, split, label ORDER BY number, split, label"""
    found: dict[int, RevisionUse] = {}
    for number, data, time, split, label, count in rows.execute(query):
        before = found.get(number) or RevisionUse(number, data, time, {}, ())
        images = {**before.images, split: before.images.get(split, 0) + count}
        labels = tuple(sorted({*before.labels, label}))
        found[number] = RevisionUse(number, data, time, images, labels)
    return found.values()


def _versions(rows: sqlite3.Connection) -> Iterable[VersionUse]:
    query = """
        SELECT version, key, data, coalesce(verdict, ''), trained, split, count(DISTINCT id)
        FROM asked CROSS JOIN images USING (id) CROSS JOIN listings USING (blob)
        CROSS JOIN run_listings USING (listing) CROSS JOIN runs USING (head)
        CROSS JOIN run_heads USING (head) LEFT JOIN versions USING (key)
        GROUP BY key, split ORDER BY version IS NULL, version, key, split"""
    tenures = _tenures(rows)
    found: dict[str, VersionUse] = {}
    for version, key, data, verdict, trained, split, count in rows.execute(query):
        images = {**(found[key].images if key in found else {}), split: count}
        held = tuple(tenures.get(version, ()))
        weights = bool(trained or verdict)
        found[key] = VersionUse(version, key, data, images, verdict, weights, held)
    return found.values()


def _tenures(rows: sqlite3.Connection) -> dict[int, list[Tenure]]:
    held: dict[int, list[Tenure]] = {}
    for version, since, until in rows.execute("SELECT * FROM tenures ORDER BY since, rowid"):
        held.setdefault(version, []).append(Tenure(since, until))
    return held


def _unknown(rows: sqlite3.Connection) -> list[int]:
    query = """
        SELECT DISTINCT version FROM versions JOIN runs USING (key)
        WHERE head NOT IN (SELECT head FROM run_listings) ORDER BY version"""
    return [version for (version,) in rows.execute(query)]
