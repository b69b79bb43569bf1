"""Tell when one patient's name, or one study's number, stands in nearly every file.

It is then mostly a value that an export wrote over all of them. Whose value it is cannot be told
from the value alone, and a project may hold one patient, so a person decides.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from pipeline.data.ingest.account import Notice
from pipeline.data.manifest import Row
from pipeline.data.names import PATIENT_PREFIX
from pipeline.data.reading.results import Look

NEARLY_ALL = 0.9
"""Share of the images that name a patient."""
SEVERAL_STUDIES = 3


def vague_for_all(looks: Sequence[Look], rows: Iterable[Row]) -> str:
    """The pseudonym, without issuer, of a vague name such as Anon1 that nearly all files give.

    "" where there is none. Where others are named beside it, Anon1 is one patient of several.
    """
    named = Counter(look.identity.unissued for look in looks if look.identity.patient)
    vague = {look.identity.unissued for look in looks if look.identity.vague}
    others = sum(row.group.startswith(PATIENT_PREFIX) for row in rows)
    for name, count in named.most_common(1):
        studies = {look.identity.study for look in looks if look.identity.unissued == name}
        if name in vague and len(studies - {""}) >= SEVERAL_STUDIES:
            return name if count >= NEARLY_ALL * (named.total() + others) else ""
    return ""


def one_for_all(rows: Iterable[Row]) -> list[Notice]:
    """The notice about the one patient, or study, of nearly all images; none without one.

    The patient's name is not in it.
    """
    sizes: Counter[str] = Counter()
    studies: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        sizes[row.group] += 1
        studies[row.group].add(row.study)
    for group, size in sizes.most_common(1):
        if size < max(2.0, NEARLY_ALL * sizes.total()):
            return []
        among = (
            f"{size} of {sizes.total()} images" if size < sizes.total() else f"all {size} images"
        )
        if group.startswith(PATIENT_PREFIX):
            text = _one_patient(among, len(studies[group] - {""}))
            return [Notice("one-patient", size, text)]
        if studies[group] != {""}:
            text = (
                f"{among} carry one study number, so they are taken for one patient's. If it was "
                f"written over all of them, {_GIVE}"
            )
            return [Notice("one-study", size, text)]
    return []


_GIVE = (
    "tell the patients: `--patient-from '(?P<patient>...)'` reads them from paths, "
    "`--patient-from list.csv` from a list"
)


def _one_patient(among: str, studies: int) -> str:
    where = f", of {studies} studies," if studies > 1 else ""
    return (
        f"{among}{where} name one patient. If that value was written over all of them, name it in "
        f'`ingest.no_patient: ["..."]` of params.yaml, and studies or similar images become the '
        f"groups; or {_GIVE}. If they are one patient's, `ingest.allow_missing: true` accepts that"
    )
