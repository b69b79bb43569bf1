"""Links of the ledger itself: git's objects, the journal's chain, signatures, mirror, aliases."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.audit.links import Link, equal
from pipeline.ledger.git import Git
from pipeline.ledger.journal import Break, Journal, Record
from pipeline.ledger.signing import Verifier

_BY_HAND = "it was changed by hand; the next promotion or rollback puts it right from the journal"


def git_links(url: str) -> Iterator[Link]:
    """Every object of the ledger by git's own hashes, and that every commit leads somewhere."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(url)
        if "://" in url:
            Git(Path(folder)).run("clone", "--quiet", "--mirror", url, "copy")
            place = Path(folder) / "copy"
        damage = Git(place).damage()
    found = "; ".join(damage[:3]) + (f"; and {len(damage) - 3} more" if len(damage) > 3 else "")
    yield Link(
        f"git's objects in {url}", not damage, found,
        "an object was altered or lost on disk; fetch it from the mirror in the cache, from a "
        "clone or from a backup",
    )  # fmt: skip


def history_links(git: Git, head: str) -> Iterator[Link]:
    """That the journal's branch only ever grew, by new records.

    Args:
        git: where the branch can be read.
        head: its commit.
    """
    log = git.run("log", "--format=", "--name-status", head).splitlines()
    changed = [line.split("\t")[-1] for line in log if line and not line.startswith("A\t")]
    yield Link(
        "branch journal only grows", not changed, f"{', '.join(changed)} was changed by a commit",
        "a record was edited after it was written; the commit before it has what was decided",
    )  # fmt: skip


def journal_links(
    records: Sequence[Record],
    broken: Break | None,
    verifiers: Mapping[str, Verifier],
    mirror: tuple[str, str] | None,
) -> Iterator[Link]:
    """Each record to the one before, then signatures, then the mirror in the registry.

    Args:
        records: that chain up from the first one.
        broken: where they end, if that is not the end.
        verifiers: public keys by their id; empty: signatures are not checked.
        mirror: head and count as the registry's tags have them, "" of one that is not there; None:
            not asked.
    """
    for record in records:
        yield Link(f"record {record.sequence}, {record.action}")
    if broken:
        yield Link(
            f"journal/{broken.file}", False, broken.why,
            "it or the record before was changed after it was written, and neither they nor any "
            "later decision is to be believed; compare with a clone or a backup",
        )  # fmt: skip
    yield from _signature_links(records, verifiers)
    if mirror is not None:
        yield from _mirror_links(records, *mirror)


def _signature_links(
    records: Sequence[Record], verifiers: Mapping[str, Verifier]
) -> Iterator[Link]:
    signed = [record for record in records if record.signature]
    first = signed[0].sequence if signed else len(records) + 1
    for record in records[first - 1 :]:
        yield Link(
            f"signature of record {record.sequence}", bool(record.signature),
            f"it is not signed, although record {first} is",
            "it was written without the key: by somebody who has none, or where "
            "MEDLOOM_JOURNAL_KEY is not set",
        )  # fmt: skip
    if not verifiers:
        if signed:
            yield Link("keys", note="signatures were not checked: no --public-key was given")
        return
    yield Link(
        "signatures", bool(signed) or not records, "a key was given, and no record is signed",
        "the journal was never signed, or it was written anew by somebody without the key",
    )  # fmt: skip
    for record in signed:
        key = verifiers.get(record.key_id)
        yield Link(
            f"signature of record {record.sequence}",
            key is not None and key.holds(record.signature, record.signed_part),
            f"it is not by {' or '.join(sorted(verifiers))}; it names key {record.key_id}",
            "it was forged or changed, or signed with a key that was not given: --public-key may "
            "be given several times",
        )  # fmt: skip


def _mirror_links(records: Sequence[Record], head: str, count: str) -> Iterator[Link]:
    if not count.isdigit() or int(count) == 0:
        # The very first record may wait for its mirror; a later one had it written before.
        yield Link(
            "mirror of the journal in the registry", len(records) < 2 and not count,
            f"its count is {count!r}",
            "it was removed or overwritten; without it a cut journal would not show",
            "the registry mirrors no record of the journal yet" if records else "",
        )  # fmt: skip
        return
    yield Link(
        "number of records against the registry's mirror", int(count) <= len(records),
        f"{len(records)} records, mirrored were {count}",
        "the journal's tail was cut: the last decisions are missing; fetch the branch `journal` "
        "from a clone or a backup",
    )  # fmt: skip
    # The head is written before the count, so that a kill may leave a newer head.
    heads = [record.sha256 for record in records[int(count) - 1 :]]
    behind = "the registry's mirror is behind; the next command that decides brings it up to date"
    yield Link(
        f"record {count} against the head in the registry's mirror", head in heads,
        f"it has sha256 {heads[0]}, mirrored was {head or 'nothing'}",
        "the journal was written anew, or the tag was changed: compare with a clone or a backup",
        behind if len(heads) > 1 else "",
    )  # fmt: skip


def alias_links(journal: Journal, aliases: Mapping[str, int]) -> Iterator[Link]:
    """The registry's aliases against what the journal says."""
    challenger = {"challenger": journal.challenger} if "challenger" in aliases else {}
    expected = {"champion": journal.champion, "previous": journal.previous_champion, **challenger}
    for alias, record in expected.items():
        version = record.version if record else None
        yield equal(f"alias {alias} against the journal", aliases.get(alias), version, _BY_HAND)
