"""Join what belongs to one patient: one study is one patient, whatever its files name.

Exports write another identifier, another issuer or a placeholder into files of one study. Such
images must not be divided between splits. Names that mean one patient form a person, whose images
share a group. Groups never move, so a person keeps the group that the manifest has already.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from pipeline.data.ingest.account import Notice
from pipeline.data.ingest.everybody import vague_for_all
from pipeline.data.manifest import Row
from pipeline.data.names import PATIENT_PREFIX, Pseudonyms, group_of_study
from pipeline.data.reading.results import Identity, Look

MOST_PATIENTS = 5
"""A study number that more patients share, with several files each, identifies nobody."""
_LONGEST_ZERO = 8  # digits of a number 0 that may be a patient's, where there is a number 1 too

_Files = set[tuple[str, str]]
_Votes = dict[str, dict[str, _Files]]
"""Identifier without its issuer -> pseudonym with it -> files that name it."""


def unify_studies(
    looks: Sequence[Look], rows: Iterable[Row], names: Pseudonyms, withdrawn: Collection[str] = ()
) -> tuple[list[Look], list[Notice]]:
    """Settle the group of every look by its patient, its study and the manifest.

    Within a study the identifier of most files wins, ties by name. Where each file has a fresh
    one, the study is the group. The group of rows with that study wins over both.

    Args:
        looks: of the files that were read.
        rows: of the manifest.
        names: pseudonyms, to tell a patient of number 0 from a placeholder.
        withdrawn: groups whose consent was withdrawn; they win, so that nothing slips past them.

    Returns:
        The looks with `group` and `alias` settled, and notices about contradictions and
        placeholders.
    """
    earlier = _Earlier(list(rows), frozenset(withdrawn))
    settled = _settled(looks, earlier, names)
    persons = _Persons(earlier, _votes(settled))
    winners, crowded, disagree = {}, set(), set()
    for study, votes in _by_study(settled).items():
        groups = earlier.studies.get(study, Counter())
        if persons.is_crowd(votes, groups):
            crowded.add(study)
            continue
        winners[study] = persons.join(study, votes, groups)
        if sum(map(len, votes.values())) > 1:
            disagree.add(study)
    placed = [_placed(look, persons, winners, crowded) for look in settled]
    return placed, list(_notices(looks, settled, disagree, crowded))


class _Earlier:
    """What the manifest knows of groups and studies."""

    def __init__(self, rows: Sequence[Row], withdrawn: frozenset[str]) -> None:
        self.rows = rows
        self.withdrawn = withdrawn
        self.sizes = Counter(row.group for row in rows)
        self.aliases = {row.patient: row.group for row in rows if row.patient}
        self.studies: dict[str, Counter[str]] = defaultdict(Counter)
        for row in rows:
            if row.study:
                self.studies[row.study][row.group] += 1

    def knows(self, name: str) -> bool:
        """Whether the manifest has a patient of this pseudonym."""
        return name in self.sizes or name in self.aliases


# -- whom each file names --------------------------------------------------------------------------


def _settled(looks: Sequence[Look], earlier: _Earlier, names: Pseudonyms) -> list[Look]:
    """The looks with the pseudonym that counts as their patient's; "" for nobody."""
    vague = vague_for_all(looks, earlier.rows)
    present = {look.identity.unissued for look in looks}
    numbered = {
        zero
        for zero, one in _zero_and_one(names)
        if one in present or earlier.knows(one)
    }  # fmt: skip
    return [replace(look, identity=_who(look, earlier, vague, numbered)) for look in looks]


def _zero_and_one(names: Pseudonyms) -> Iterator[tuple[str, str]]:
    """Pseudonyms of the patients 0 and 1, 00 and 01, ...: beside a patient 1, 0 is a number."""
    for digits in range(_LONGEST_ZERO):
        yield names.ever("0" * digits + "0")[0], names.ever("0" * digits + "1")[0]


def _who(look: Look, earlier: _Earlier, vague: str, numbered: Collection[str]) -> Identity:
    who = look.identity
    if vague and who.unissued == vague:
        return replace(who, patient="")
    patient = who.patient
    if not patient and who.former and who.unissued in numbered:
        patient = who.former[0]
    known = [name for name in (patient, *who.former) if earlier.knows(name)]
    return replace(who, patient=(known or [patient])[0])


def _votes(looks: Iterable[Look]) -> _Votes:
    """The files that name each identifier."""
    votes: _Votes = defaultdict(lambda: defaultdict(set))
    for look in looks:
        if look.identity.patient:
            file = look.found.path, look.source_sha256
            votes[look.identity.unissued][look.identity.patient].add(file)
    return votes


def _by_study(looks: Iterable[Look]) -> dict[str, _Votes]:
    studies: dict[str, list[Look]] = defaultdict(list)
    for look in looks:
        if look.identity.study:
            studies[look.identity.study].append(look)
    return {study: _votes(studies[study]) for study in sorted(studies)}


def _size(variants: Mapping[str, _Files]) -> int:
    """Number of files that name an identifier, under any issuer."""
    return len(set[tuple[str, str]]().union(*variants.values()))


# -- who is one person -----------------------------------------------------------------------------


class _Persons:
    """Union-find over pseudonyms and groups that mean one patient."""

    def __init__(self, earlier: _Earlier, votes: _Votes) -> None:
        self._earlier = earlier
        self._votes = votes
        self._ids = {name: id_ for id_, variants in votes.items() for name in variants}
        self._members: dict[str, set[str]] = {}
        for alias, group in sorted(earlier.aliases.items()):
            self._unite([group, alias])

    def is_crowd(self, votes: _Votes, groups: Mapping[str, int]) -> bool:
        """Whether too many patients share a study number for it to identify one."""
        crowd = {name for name, images in groups.items() if images > 1}
        crowd |= {min(variants) for variants in votes.values() if _size(variants) > 1}
        return len({min(self._person(name)) for name in crowd}) > MOST_PATIENTS

    def join(self, study: str, votes: _Votes, groups: Mapping[str, int]) -> str:
        """Unite the names that a study shows to be one patient; returns the winning one."""
        winner = self._winner(study, votes, groups)
        for id_, variants in votes.items():
            sole = len(votes) == 1 and not winner.startswith(PATIENT_PREFIX)
            if sole or winner in variants or _size(variants) > 1 or not self._elsewhere(id_, votes):
                self._unite([winner, *variants])
        return winner

    def _winner(self, study: str, votes: _Votes, groups: Mapping[str, int]) -> str:
        if groups:
            return min(groups, key=lambda name: (-groups[name], name))
        proper = {
            id_: _size(variants)
            for id_, variants in votes.items()
            if len(votes) == 1 or _size(variants) > 1 or self._elsewhere(id_, votes)
        }
        if not proper:
            return group_of_study(study)
        best = min(proper, key=lambda id_: (-proper[id_], id_))
        return min(votes[best], key=self._precedence)

    def _elsewhere(self, id_: str, votes: _Votes) -> bool:
        """Whether an identifier is known beyond this study, so that it may be another patient's."""
        known = any(self._earlier.knows(name) for name in votes[id_])
        return known or _size(self._votes[id_]) > _size(votes[id_])

    def group(self, name: str) -> str:
        """The group of a person who is known by this pseudonym, study or group."""
        person = self._person(name)
        if withdrawn := person & self._earlier.withdrawn:
            return min(withdrawn)
        if name in self._earlier.sizes:
            return name
        return min(person, key=self._precedence)

    def same(self, one: str, other: str) -> bool:
        """Whether two names are one person's."""
        return other in self._person(one)

    def _precedence(self, name: str) -> tuple[int, int, bool, str]:
        """Groups of the manifest first, then identifiers of several files, without an issuer."""
        id_ = self._ids.get(name, "")
        files = _size(self._votes[id_]) if id_ else 0
        rank = -files if files > 1 else int(name.startswith(PATIENT_PREFIX))
        return -self._earlier.sizes[name], rank, name != id_, name

    def _person(self, name: str) -> set[str]:
        return self._members.get(name) or {name}

    def _unite(self, names: Iterable[str]) -> None:
        person = set[str]().union(*map(self._person, names))
        self._members |= dict.fromkeys(person, person)


def _placed(
    look: Look, persons: _Persons, winners: Mapping[str, str], crowded: Collection[str]
) -> Look:
    """The look with its group, and its patient's pseudonym where the group has another name."""
    who = look.identity
    known = "" if who.study in crowded else winners.get(who.study) or group_of_study(who.study)
    name = known if who.study in winners else who.patient or known
    if not name:
        return replace(look, group="")
    group = persons.group(name)
    alias = who.patient if who.patient != group and persons.same(name, who.patient) else ""
    return replace(look, group=group, alias=alias)


def _notices(
    came: Sequence[Look], looks: Sequence[Look], disagree: Collection[str], crowded: Collection[str]
) -> Iterator[Notice]:
    """What was not taken as the files say it."""
    vague = [
        look.identity.study
        for before, look in zip(came, looks, strict=True)
        if before.identity.patient and not look.identity.patient
    ]
    nobody = sum(bool(look.identity.unissued and not look.identity.patient) for look in looks)
    texts = {
        "one-placeholder": (
            len(vague),
            f"images of {len(set(vague))} studies name one patient by a placeholder with a number: "
            "it identifies nobody, and each study is a group",
        ),
        "placeholders": (
            nobody - len(vague),
            "images have a placeholder in place of a patient: they are grouped by study or by "
            "likeness",
        ),
        "studies-disagree": (
            sum(look.identity.study in disagree for look in looks),
            f"images of {len(disagree)} studies do not agree on the patient's id or its issuer: "
            "each study is kept in one group, as one study is one patient's",
        ),
        "studies-shared": (
            sum(look.identity.study in crowded for look in looks),
            f"images carry a study number that more than {MOST_PATIENTS} patients share, so it "
            "identifies nobody: their patients are kept",
        ),
    }
    yield from (Notice(name, n, f"{n} {text}") for name, (n, text) in texts.items() if n)
