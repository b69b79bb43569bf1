"""Links of the ledger itself: git's objects, the journal's chain, signatures, mirror, aliases."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.audit.links import Link, equal
from pipeline.ledger.chain import Break, ChainedRecord
from pipeline.ledger.git import Git
from pipeline.ledger.journal import Journal, Record
from pipeline.ledger.signing import Verifier

_BY_HAND = "it was changed by hand; the next promotion or rollback restores it from the journal"


def git_links(url: str) -> Iterator[Link]:
    """Check every object of the ledger with `git fsck`."""
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


def history_links(git: Git, head: str, branch: str = "journal") -> Iterator[Link]:
    """Check that no commit of a chain's branch changed or removed a record.

    Args:
        git: a repository with the branch.
        head: its commit.
        branch: its name.
    """
    log = git.run("log", "--format=", "--name-status", head).splitlines()
    changed = [line.split("\t")[-1] for line in log if line and not line.startswith("A\t")]
    yield Link(
        f"branch {branch} only grows", not changed, f"{', '.join(changed)} was changed by a commit",
        "a record was edited after it was written; the commit before has the original",
    )  # fmt: skip


def journal_links(
    records: Sequence[Record],
    broken: Break | None,
    verifiers: Mapping[str, Verifier],
    mirror: tuple[str, str] | None,
) -> Iterator[Link]:
    """Check the chain of records, then signatures, then the mirror in the registry.

    Args:
        records: the records up to the first break of the chain.
        broken: the break, if there is one.
        verifiers: public keys by their id; empty: signatures are not checked.
        mirror: head and count from the registry's tags, "" for a missing tag; None: not checked.
    """
    for record in records:
        yield Link(f"record {record.sequence}, {record.action}")
    if broken:
        yield Link(
            f"journal/{broken.file}", False, broken.why,
            "it or the record before was changed after it was written, so these and all later "
            "records cannot be trusted; compare with a clone or a backup",
        )  # fmt: skip
    yield from _signature_links(records, verifiers)
    if mirror is not None:
        yield from _mirror_links(records, *mirror)


def chain_links(
    folder: str,
    what: str,
    records: Sequence[ChainedRecord],
    broken: Break | None,
    verifiers: Mapping[str, Verifier],
) -> Iterator[Link]:
    """Check a chain other than the journal, then signatures.

    Args:
        folder: of its files.
        what: its records are, such as opinions.
        records: the records up to the first break of the chain.
        broken: the break, if there is one.
        verifiers: as in `journal_links`.
    """
    yield Link(f"{len(records)} {what}, each with the sha256 of the one before")
    if broken:
        yield Link(
            f"{folder}/{broken.file}", False, broken.why,
            "it or the record before was changed after it was written; compare with a clone or a "
            "backup",
        )  # fmt: skip
    yield from _signature_links(records, verifiers)


def _signature_links(
    records: Sequence[ChainedRecord], verifiers: Mapping[str, Verifier]
) -> Iterator[Link]:
    signed = [record for record in records if record.signature]
    first = signed[0].sequence if signed else len(records) + 1
    for record in records[first - 1 :]:
        yield Link(
            f"signature of record {record.sequence}", bool(record.signature),
            f"it is not signed, although record {first} is",
            "it was written without the key, by an intruder or where MEDLOOM_JOURNAL_KEY is not "
            "set",
        )  # fmt: skip
    if not verifiers:
        if signed:
            yield Link("keys", note="signatures were not checked: no --public-key was given")
        return
    yield Link(
        "signatures", bool(signed) or not records, "a key was given, and no record is signed",
        "it was never signed, or it was rewritten without the key",
    )  # fmt: skip
    for record in signed:
        key = verifiers.get(record.key_id)
        yield Link(
            f"signature of record {record.sequence}",
            key is not None and key.holds(record.signature, record.signed_part),
            f"it is not by {' or '.join(sorted(verifiers))}; it names key {record.key_id}",
            "it was forged or changed, or signed with a key that was not given; repeat "
            "--public-key to give several",
        )  # fmt: skip


def _mirror_links(records: Sequence[Record], head: str, count: str) -> Iterator[Link]:
    if not count.isdigit() or int(count) == 0:
        # Only the first record may have no mirror yet: each later append updates it first.
        yield Link(
            "mirror of the journal in the registry", len(records) < 2 and not count,
            f"its count is {count!r}",
            "it was removed or overwritten; without it a truncated journal goes unnoticed",
            "the registry mirrors no record of the journal yet" if records else "",
        )  # fmt: skip
        return
    yield Link(
        "number of records against the registry's mirror", int(count) <= len(records),
        f"{len(records)} records, but {count} in the mirror",
        "the journal was truncated: the last decisions are missing; fetch the branch `journal` "
        "from a clone or a backup",
    )  # fmt: skip
    # The head is written before the count, so that a kill may leave a newer head.
    heads = [record.sha256 for record in records[int(count) - 1 :]]
    behind = "the registry's mirror is behind; the next decision updates it"
    yield Link(
        f"record {count} against the head in the registry's mirror", head in heads,
        f"it has sha256 {heads[0]}, but {head or 'nothing'} in the mirror",
        "the journal was rewritten, or the tag was changed; compare with a clone or a backup",
        behind if len(heads) > 1 else "",
    )  # fmt: skip


def alias_links(journal: Journal, aliases: Mapping[str, int]) -> Iterator[Link]:
    """Check the registry's aliases against the journal."""
    challenger = {"challenger": journal.challenger} if "challenger" in aliases else {}
    expected = {"champion": journal.champion, "previous": journal.previous_champion, **challenger}
    for alias, record in expected.items():
        version = record.version if record else None
        yield equal(f"alias {alias} against the journal", aliases.get(alias), version, _BY_HAND)
