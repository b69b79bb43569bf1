"""What a task read and wrote, as datasets of OpenLineage.

Airflow's provider of OpenLineage asks for it when a task has ended; where the provider is missing
or has no transport, nobody asks. A dataset is a kind of thing that a project has, and its version
is the revision: a commit, a run's key, the number of a version or of a record. Nothing else is
told, so no event of ours can hold the name of a file or of a patient.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

_REVISIONS = {
    "landing": "", "data": "data", "code": "code", "run": "key", "arrays": "key",
    "weights": "key", "evaluation": "key", "version": "version", "decision": "record",
    "champion": "version", "monitoring": "record", "report": "key",
}  # fmt: skip
"""Kind of thing -> the fact that is its revision; "": it has none."""
_TASKS = {
    "ingest": (("landing",), ("data",)),
    "plan": (("data", "code"), ("run",)),
    "preprocess": (("data", "run"), ("arrays",)),
    "train": (("arrays", "run"), ("weights",)),
    "evaluate": (("arrays", "weights"), ("evaluation",)),
    "register": (("weights", "evaluation"), ("version",)),
    "promote": (("version", "evaluation"), ("decision",)),
    "challenger": (("version", "decision"), ()),
    "approve": (("version",), ("decision",)),
    "decline": (("version",), ("decision",)),
    "announce": (("version", "decision"), ("champion",)),
    "report": (("evaluation",), ("report",)),
    "monitor": (("landing", "champion"), ("monitoring",)),
    "alarm": (("monitoring",), ()),
}
"""Task -> the kinds of things that it reads, and those that it writes."""
_ASKED = ("key", "version", "record")


class Dataset(NamedTuple):
    """A thing of a project: its kind, and its revision, "" where it has none."""

    name: str
    version: str


class Touched(NamedTuple):
    """What a task of a project read and wrote.

    Attributes:
        model: the project's model, by which its things are told from another's.
        reads, writes: the things.
    """

    model: str
    reads: tuple[Dataset, ...]
    writes: tuple[Dataset, ...]


def touched(told: Mapping[str, Any], arguments: Sequence[str]) -> Touched | None:
    """What a task read and wrote; None where the command could not tell of which model.

    Only a task that is done has written. Things whose revision is not known are left out.

    Args:
        told: the task's result, the last line of its command.
        arguments: of the command, which a failed task does not repeat in its result.
    """
    reads, writes = _TASKS.get(str(told.get("task")), ((), ()))
    if not told.get("model") or not (reads or writes):
        return None
    facts = {**_options(arguments), **told}
    done = told.get("outcome") == "done"
    return Touched(str(told["model"]), _known(reads, facts), _known(writes if done else (), facts))


def _options(arguments: Sequence[str]) -> dict[str, str]:
    """The values of `_ASKED` in `--name value` and `--name=value`."""
    words = [word for one in arguments for word in one.split("=", 1)]
    pairs = pairwise(words)
    return {
        name[2:]: value for name, value in pairs if name.startswith("--") and name[2:] in _ASKED
    }


def _known(kinds: Sequence[str], facts: Mapping[str, Any]) -> tuple[Dataset, ...]:
    revisions = {kind: facts.get(_REVISIONS[kind]) for kind in kinds}
    return tuple(
        Dataset(kind, "" if revision is None else str(revision))
        for kind, revision in revisions.items()
        if revision not in (None, "") or not _REVISIONS[kind]
    )


def as_openlineage(found: Touched) -> Any:
    """As the provider takes it, an `OperatorLineage`; each dataset bears its version as a facet."""
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import InputDataset, OutputDataset
    from openlineage.client.facet_v2 import dataset_version_dataset

    def made(kind: Any, one: Dataset) -> Any:
        facet = dataset_version_dataset.DatasetVersionDatasetFacet(one.version)
        return kind(
            namespace=f"medloom://{found.model}",
            name=one.name,
            facets={"version": facet} if one.version else {},
        )

    return OperatorLineage(
        inputs=[made(InputDataset, one) for one in found.reads],
        outputs=[made(OutputDataset, one) for one in found.writes],
    )
