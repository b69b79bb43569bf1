"""Measure images that readers said look copied, and block a version that drew a copy.

A reader's word alone triggers the measurement and nothing else. Only a measured hit blocks. What
cannot be measured on this host, as its training images are elsewhere, stays pending: `watch` and
`medloom feedback check` try again; what never can be, after a withdrawal, they tell and leave. So a
kill at any moment leaves either a pending image, or a hit whose version the next call blocks.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.base.errors import MedloomError
from pipeline.base.project import Project
from pipeline.evaluation.copy_test import CopyTest
from pipeline.evaluation.record import EvaluateConfig
from pipeline.feedback.checks import CopyCheck, CopyChecks, unmeasured, why_never
from pipeline.feedback.opinions import Opinion, Opinions
from pipeline.ledger.chain import COPY_CHECKS
from pipeline.ledger.chain_branch import append_to
from pipeline.ledger.journal import Journal, Record
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.project_params import ProjectParams
from pipeline.promotion.block import block_copyist, tell_block
from pipeline.registry.asked import Asked
from pipeline.registry.generators import Generators, Version

Test = Callable[[Project, str], CopyTest]
"""The test of images of a run, by its key."""


@dataclass(frozen=True)
class Checked:
    """What one call measured and did.

    Attributes:
        checks: what is known of the images now, measured by this call or before.
        left: opinions whose images are still pending, each with the reason.
        never: opinions whose images can never be measured, each with the reason.
        blocked: the journal's records of versions that this call blocked.
        warnings: what did not follow a block, such as the registry's aliases.
    """

    checks: list[CopyCheck] = field(default_factory=list)
    left: list[tuple[Opinion, str]] = field(default_factory=list)
    never: list[tuple[Opinion, str]] = field(default_factory=list)
    blocked: list[Record] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """All of it in words, a sentence a line."""
        return [
            *(f"{_place(one)}: {one.in_words}" for one in self.checks),
            *(f"{_place(one)}: not measured yet: {why}" for one, why in self.left),
            *(f"{_place(one)}: it cannot be measured: {why}" for one, why in self.never),
            *self.consequences,
            *self.warnings,
        ]

    @property
    def consequences(self) -> list[str]:
        """What follows from the blocks, a sentence each."""
        return [_consequence(record) for record in self.blocked]


def check_copies(
    project: Project, only: Collection[Opinion] | None = None, test_of: Test | None = None
) -> Checked:
    """Measure all pending images, and block the versions of hits that are not blocked yet.

    Args:
        project: the project.
        only: these opinions' images alone; None: all that are pending.
        test_of: gives the test for a run, such as one that is kept; None: it is made.

    Raises:
        BadInputError: a chain is broken.
        TransientError: others kept appending.
    """
    ledger, done = Ledger(project), Checked()
    known = CopyChecks(ledger)
    opinions = Opinions(ledger).records if only is None else list(only)
    by_version = defaultdict[int, list[Opinion]](list)
    if waiting := unmeasured(opinions, known.records):
        journal = Journal(ledger)
        for one in waiting:
            if why := why_never(one, journal):
                done.never.append((one, why))
            else:
                by_version[int(one.version or 0)].append(one)
    if only is not None:
        before = known.by_subject
        done.checks.extend(before[key] for key in {one.subject for one in only} if key in before)
    generators = Generators(project, withheld=True)
    for number, waiting in by_version.items():
        try:
            version = generators.find(number)
            generators.output_spec(number)  # fetches its weights, once and not once an opinion
        except (MedloomError, ValueError) as error:
            done.left.extend((one, str(error)) for one in waiting)
            continue
        images: list[NDArray[np.uint8]] = []
        drawn: list[Opinion] = []
        for one in waiting:  # each alone, so that one that cannot be drawn holds back no other
            try:
                images.append(_draw(generators, number, one))
                drawn.append(one)
            except (MedloomError, ValueError) as error:
                done.left.append((one, str(error)))
        if not drawn:
            continue
        try:
            facts = _measure(project, version, drawn, images, test_of or made_test)
        except (MedloomError, ValueError) as error:
            done.left.extend((one, str(error)) for one in drawn)
            continue
        done.checks.extend(append_to(ledger, COPY_CHECKS, CopyCheck, facts, f"version {number}"))
    hits = [one for one in (*known.records, *done.checks) if one.hit]
    _block(project, ledger, hits, done)
    return done


def made_test(project: Project, run_key: str) -> CopyTest:
    """The test of images of a run.

    Raises:
        BadInputError, TransientError: as `arrays_of_run`.
    """
    from pipeline.stages.run_arrays import arrays_of_run

    config = ProjectParams.of(project).section("evaluate", EvaluateConfig)
    return CopyTest.of(arrays_of_run(project, run_key), config)


def _measure(
    project: Project,
    version: Version,
    waiting: Sequence[Opinion],
    images: Sequence[NDArray[np.uint8]],
    test_of: Test,
) -> list[Mapping[str, object]]:
    """The facts of the checks of some images of one version."""
    test = test_of(project, version.run_key)
    return [
        {
            "version": version.number,
            "weights_sha256": version.weights_sha256,
            "label": one.label,
            "seed": one.seed,
            "index": one.index,
            "settings": one.settings,
            "run_key": version.run_key,
            "n_train": len(test.training.labels),
            "correlation": found.correlation,
            "nearest": found.nearest,
            "limit": test.limit,
            "highest": test.highest,
            "n_held_out": len(test.held_out),
            "hit": found.copy,
        }
        for one, found in zip(waiting, test(np.stack(images)), strict=True)
    ]


def _draw(generators: Generators, number: int, one: Opinion) -> NDArray[np.uint8]:
    """The image that an opinion is about, drawn again."""
    labels, asked = [one.label], Asked.of_facts(one.settings.get("asked", {}))
    layouts = generators.layouts(number, labels, one.seed, start=one.index, asked=asked)
    truncation = float(one.settings.get("truncation", 1.0))
    drawn = generators.draw(
        number, labels, one.seed, start=one.index, truncation=truncation, layouts=layouts
    )
    image: NDArray[np.uint8] = drawn[0]
    return image


def _block(project: Project, ledger: Ledger, hits: Sequence[CopyCheck], done: Checked) -> None:
    if not hits:
        return
    journal = Journal(ledger)
    for hit in hits:
        if journal.withheld(hit.weights_sha256):
            continue
        version = Version(hit.version, (), hit.weights_sha256, hit.run_key)
        image = hit.model_dump(
            include={"version", "weights_sha256", "label", "seed", "index", "settings",
                     "correlation", "limit", "highest", "n_held_out", "n_train"}
        )  # fmt: skip
        reason = (
            f"version {hit.version} drew a copy of a training image: image {hit.index} of "
            f"{hit.label}, seed {hit.seed}, with correlation {hit.correlation:.3f}, above "
            f"{hit.limit:.3f}"
        )
        record, new = block_copyist(ledger, version, image | {"check": hit.sequence}, reason)
        if new:
            done.blocked.append(record)
            if warning := tell_block(project, record):
                done.warnings.append(warning)
        journal = Journal(ledger)


def _place(one: Opinion | CopyCheck) -> str:
    return f"version {one.version}, {one.label} seed {one.seed} no. {one.index}"


def _consequence(record: Record) -> str:
    """What follows from a block, in words."""
    if record.action != "demoted":
        return f"version {record.version} is blocked for good, and its images are not handed out"
    now = f"version {record.version} is" if record.version is not None else "there is none"
    return (
        f"version {record.predecessor} is blocked for good and no longer champion ({now} now); its "
        "images are not handed out"
    )
