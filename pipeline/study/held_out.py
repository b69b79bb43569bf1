"""The held-out images of a version's run: the arrays that its evaluate stage judged it on."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.data.manifest import MANIFEST_FOLDER, parse_batch
from pipeline.data.processed import CLASSES_FILE
from pipeline.ledger.git import Git, GitError
from pipeline.ledger.ledger import DATA, Ledger
from pipeline.ledger.objects import read_object
from pipeline.ledger.run import Run
from pipeline.study.plan import HeldOut

_PROCESSED, _TEST = "data/processed", "test"


@dataclass(frozen=True)
class TestArrays:
    """The test split of a run.

    Attributes:
        images: uint8 [N, H, W], as networks see them.
        facts: of each image, aligned.
    """

    __test__ = False  # not a test

    images: NDArray[np.uint8]
    facts: tuple[HeldOut, ...]

    def by_id(self) -> dict[str, NDArray[np.uint8]]:
        """Each image by its id."""
        return {one.id: image for one, image in zip(self.facts, self.images, strict=True)}


def test_arrays(project: Project, run_key: str) -> TestArrays:
    """The test images of a run, from the host's cache or the remote; no other split is read.

    Raises:
        BadInputError: the run has no arrays, or they are gone, as after a purge.
        TransientError: the remote cannot be reached.
    """
    run = Run.get(Ledger(project), run_key)
    if _PROCESSED not in run.outputs:
        raise BadInputError(
            f"run {run_key} has no {_PROCESSED}: its images are not known, so no study can show "
            "them; choose another version"
        )
    try:
        listing = json.loads(read_object(project, run.outputs[_PROCESSED]))
        files = {entry["relpath"]: entry["md5"] for entry in listing}
        classes = json.loads(read_object(project, files[CLASSES_FILE]))
        arrays = {
            name: _array(project, files, name) for name in ("images", "labels", "ids", "groups")
        }
    except BadInputError as gone:
        raise BadInputError(
            f"the held-out images of run {run_key} cannot be read: {gone}. A purge removes them; "
            "restore them from a backup, or make a study of another version"
        ) from gone
    facts = zip(arrays["ids"], arrays["labels"], arrays["groups"], strict=True)
    return TestArrays(
        arrays["images"],
        tuple(HeldOut(str(id_), classes[label], str(group)) for id_, label, group in facts),
    )


def still_held_out(ledger: Ledger) -> Mapping[str, str]:
    """Id -> class of each image that the newest data revision holds in its test split.

    An image that was withdrawn is not in it, and may not be shown any more.
    """
    head = ledger.head(DATA)
    return {} if head is None else _test_rows(ledger.mirror, head)


@lru_cache(maxsize=4)  # a page asks before each image, and a revision never changes
def _test_rows(git: Git, commit: str) -> Mapping[str, str]:
    try:
        files = git.archive(commit, str(MANIFEST_FOLDER))
    except GitError:  # the first revision holds no image
        return {}
    rows = (row for name in sorted(files) for row in parse_batch(files[name].decode()))
    return {row.id: row.label for row in rows if row.split == _TEST}


def _array(project: Project, files: Mapping[str, str], name: str) -> NDArray[Any]:
    content = read_object(project, files[f"{_TEST}/{name}.npy"])
    array: NDArray[Any] = np.load(io.BytesIO(content), allow_pickle=False)
    return array
