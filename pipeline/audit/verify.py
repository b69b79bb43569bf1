"""`medloom audit verify`: check that ledger, remote and registry agree.

All bytes are read and hashed again. Each chain is followed to its first broken link. The chains
are the ledger's git objects, the journal, the aliases, each batch of images, and each version from
its journal record to the weights that a consumer loads.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.audit.data_links import Batch, batch_links, batches_of
from pipeline.audit.descent_links import descent_links, line_of
from pipeline.audit.journal_links import (
    alias_links,
    chain_links,
    git_links,
    history_links,
    journal_links,
)
from pipeline.audit.links import Chain, Link, equal, walk
from pipeline.audit.objects import CheckedObjects, named_in
from pipeline.audit.run_links import RunFiles, branch_links, lock_links, output_links
from pipeline.audit.version_links import (
    artifact_links,
    bundle_links,
    data_tag_link,
    tag_links,
    verdict_links,
)
from pipeline.base.errors import BadInputError
from pipeline.ledger.chain import (
    COPY_CHECKS,
    FEEDBACK,
    LOOKS,
    MONITOR,
    PROPOSALS,
    STUDY,
    STUDY_FOLDER,
    ChainedRecord,
    read_chain,
)
from pipeline.ledger.git import GitError
from pipeline.ledger.journal import BRANCH, FOLDER, VERDICTS, Journal, Record
from pipeline.ledger.ledger import DATA, Ledger
from pipeline.ledger.signing import Verifier

if TYPE_CHECKING:
    from pipeline.registry.registry import Registry

Say = Callable[[str, int, int], None]

_OTHER_CHAINS = {
    FEEDBACK: (FEEDBACK, "opinions"),
    COPY_CHECKS: (COPY_CHECKS, "checks"),
    LOOKS: (LOOKS, "looks"),
    MONITOR: (MONITOR, "records of the monitor"),
    PROPOSALS: (PROPOSALS, "proposals"),
}
"""Branches of chains beside the journal; of each the folder, and what its records are."""


@dataclass(frozen=True)
class Findings:
    """The result of each chain, and what was not checked."""

    chains: tuple[Chain, ...]
    not_checked: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether every chain holds."""
        return not any(one.broken for one in self.chains)

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        chains = [one.facts() for one in self.chains]
        return {"whole": self.whole, "chains": chains, "not_checked": list(self.not_checked)}


def verify(
    ledger: Ledger,
    registry: "Registry | None",
    which: str | None,
    verifiers: Sequence[Verifier],
    say: Say,
) -> Findings:
    """Check one version and its data, or everything.

    Args:
        ledger: of the project.
        registry: of the project; None: only ledger and remote are checked.
        which: a version's number, `champion` or `previous`; None: all versions and all data.
        verifiers: public keys of the journal's signatures.
        say: called with (what, done, total).

    Raises:
        BadInputError: there is no such version.
    """
    return _Audit(ledger, registry, verifiers, say).run(which)


@dataclass(frozen=True)
class _Audit:
    ledger: Ledger
    registry: "Registry | None"
    verifiers: Sequence[Verifier]
    say: Say

    def run(self, which: str | None) -> Findings:
        self.say("git objects", 0, 1)
        chains = [walk("ledger", git_links(self.ledger.url))]
        self.say("git objects", 1, 1)
        chains += [self._journal(), *self._other_chains()]
        if self.registry and not self._unsaid:
            aliases = alias_links(Journal(self.ledger), self.registry.aliases())
            chains.append(walk("aliases", aliases))
        versions = self._versions(which)
        runs = {v: RunFiles(self.ledger, key) for v, key in versions.items()}
        lines = {v: line_of(self.ledger, run) for v, run in runs.items()}
        every = {one.key: one for line in lines.values() for one in line}.values()
        batches = self._batches([run.data for run in every if run.data], every=not which)
        self._hash(batches, every)
        purged = named_in(self.records, "images")
        chains += [walk(f"batch {b.name}", batch_links(b, self.objects, purged)) for b in batches]
        for done, (version, run) in enumerate(runs.items(), 1):
            chains.append(walk(f"version {version}", self._version(version, run, lines[version])))
            self.say("versions", done, len(runs))
        return Findings(tuple(chains), tuple(self._not_checked(which)))

    def _not_checked(self, which: str | None) -> Iterator[str]:
        why = self._unsaid
        if self.registry is None:
            yield "the registry: tags, artifacts, weights as consumers load them, aliases, mirror"
        elif why:
            yield f"aliases: the journal, which defines them, {why}"
        if which and why and not which.isdigit():
            yield f"{which}: the journal, which defines it, {why}; give a number or --all"
        if not self.verifiers:
            yield "signatures: give --public-key, or set MEDLOOM_JOURNAL_KEY"

    # -- stores --------------------------------------------------------------------------------

    @cached_property
    def _chain(self) -> Any:
        head = self.ledger.head(BRANCH)
        return read_chain(self.ledger.read_folder(head, FOLDER) if head else {}, Record)

    @property
    def records(self) -> list[Record]:
        """The journal's records, up to where it breaks."""
        return list(self._chain[0])

    @property
    def _unsaid(self) -> str:
        """Why this medloom cannot tell the champion from the journal; "" if it can."""
        if self._chain[1]:
            return "is broken"
        newer = any(record.newer for record in self.records)
        return "was written by a newer medloom; upgrade" if newer else ""

    @cached_property
    def _registered(self) -> dict[int, str]:
        """Version -> run key of the registry, asked once: MLflow takes seconds for thousands."""
        return self.registry.run_keys() if self.registry else {}

    @cached_property
    def objects(self) -> CheckedObjects:
        """The objects of the remote."""
        return CheckedObjects(self.ledger.project.remote, named_in(self.records, "objects"))

    def _journal(self) -> Chain:
        keys = {verifier.key_id: verifier for verifier in self.verifiers}
        mirror = None
        if self.registry:
            from pipeline.registry.registry import HEAD_TAG, RECORDS_TAG

            tags = self.registry.model_tags()
            mirror = tags.get(HEAD_TAG, ""), tags.get(RECORDS_TAG, "")
        head = self.ledger.head(BRANCH)
        grown = history_links(self.ledger.mirror, head) if head else ()
        links = journal_links(self.records, self._chain[1], keys, mirror)
        return walk("journal", chain(grown, links))

    def _other_chains(self) -> Iterator[Chain]:
        """The chains beside the journal, where there are any."""
        keys = {verifier.key_id: verifier for verifier in self.verifiers}
        studies = dict.fromkeys(self.ledger.branches(STUDY), (STUDY_FOLDER, "records"))
        for branch, (folder, what) in (_OTHER_CHAINS | studies).items():
            if head := self.ledger.head(branch):
                files = self.ledger.read_folder(head, folder)
                links = chain_links(folder, what, *read_chain(files, ChainedRecord), keys)
                grown = history_links(self.ledger.mirror, head, branch)
                yield walk(branch, chain(grown, links))

    def _versions(self, which: str | None) -> dict[int, str]:
        """Version -> run key, for the versions to check.

        Runs with the same weights share one version. It is tagged with the run that registered it
        first, and has a verdict for each run.
        """
        judged: dict[int, list[str]] = {}
        for record in self.records:
            if record.version is not None and record.run_key:
                judged.setdefault(record.number, []).append(record.run_key)
        keys = {}
        for version, runs in judged.items():
            tagged = self._registered.get(version)
            keys[version] = tagged if tagged in runs else runs[0]
        for version, tagged in self._registered.items():
            keys.setdefault(version, tagged)
        if which is None:
            return dict(sorted(keys.items()))
        if self._unsaid and not which.isdigit():
            return {}
        number = self._number(which)
        if number not in keys:
            raise BadInputError(
                f"neither the journal nor the registry has version {which}; they have "
                f"{', '.join(map(str, sorted(keys))) or 'none'}"
            )
        return {number: keys[number]}

    def _number(self, which: str) -> int | None:
        if which.isdigit():
            return int(which)
        journal = Journal(self.ledger)
        named = {"champion": journal.champion, "previous": journal.previous_champion}
        if which not in named:
            raise BadInputError(f"{which!r} is not a version; give a number, champion or previous")
        record = named[which]
        return record.number if record else None

    def _batches(self, revisions: Sequence[str], *, every: bool) -> list[Batch]:
        """The distinct batches of these data revisions, or of all with `every`."""
        head = self.ledger.head(DATA) if every else None
        history = self.ledger.mirror.run("rev-list", "--reverse", head).split() if head else []
        found: dict[Batch, None] = {}
        for commit in dict.fromkeys([*history, *revisions]):
            try:
                found |= dict.fromkeys(batches_of(self.ledger.mirror, commit))
            except GitError:  # a missing commit is reported by the run's own chain
                continue
        return list(found)

    def _hash(self, batches: Sequence[Batch], runs: Any) -> None:
        """Hash all objects that the chains need, several at a time."""
        listings = [b.listing for b in batches] + [n for run in runs for n in run.outs().values()]
        inner = [name for listing in listings for name in self.objects.listing(listing).values()]
        self.objects.hash_all([*listings, *inner], lambda *n: self.say("objects", *n))

    def _tags(self, version: int) -> dict[str, str]:
        if self.registry is None or version not in self._registered:
            return {}
        return self.registry.tags(version)

    # -- one version ---------------------------------------------------------------------------

    def _version(self, version: int, run: RunFiles, line: Sequence[RunFiles]) -> Iterator[Link]:
        """The chain of a version, from the journal's record to what a consumer loads."""
        about = [r for r in self.records if r.version == version and r.weights_sha256]
        tags = self._tags(version)
        if self.registry:
            yield Link(f"version {version} in the registry", bool(tags), "it is gone",
                       "it was deleted in MLflow, which also removes its aliases")  # fmt: skip
        sha256 = about[0].weights_sha256 if about else tags.get("medloom.weights_sha256", "")
        for record in about:
            what = f"weights of record {record.sequence} against the first record on them"
            yield equal(what, record.weights_sha256, sha256, "the journal contradicts itself")
        if self.registry:
            # Tags come before the branch's contents: they reveal a rewritten dvc.lock.
            yield Link(f"branch run/{run.key}", bool(run.head), "it is gone",
                       "the run's dvc.lock is lost; see a backup")  # fmt: skip
            yield from tag_links(run, tags, sha256)
        yield from branch_links(run)
        yield from descent_links(line, self.records, self.objects)
        for record in about:
            if record.action in VERDICTS:
                same = record.run_key == run.key
                judged = run if same else RunFiles(self.ledger, record.run_key)
                if not same:  # another run with the same weights
                    yield from branch_links(judged)
                    yield equal(f"weights of run/{judged.key} against those of run/{run.key}",
                                judged.weights(self.objects), run.weights(self.objects),
                                "the journal judges weights of another run")  # fmt: skip
                yield equal(f"data of record {record.sequence} against run/{judged.key}",
                            judged.data, record.data,
                            "the run was reopened with other data")  # fmt: skip
        yield from lock_links(run, self.objects)
        yield from output_links(run, self.objects, sha256)
        if self.registry:
            yield data_tag_link(run, tags)
            with tempfile.TemporaryDirectory() as place:
                yield from self._in_registry(version, run, tags, sha256, Path(place))

    def _in_registry(
        self, version: int, run: RunFiles, tags: dict[str, str], sha256: str, folder: Path
    ) -> Iterator[Link]:
        registry = self.registry
        if registry is None:
            return
        yield from bundle_links(registry, version, run, self.objects, sha256, folder)
        yield from artifact_links(registry, version, run, self.objects, folder)
        yield from verdict_links(registry, version, self.records, tags, folder)
