"""What MLflow's pages say about a version and about the registered model, as Markdown.

The texts are functions of what the registry holds. They contain classes, sizes and figures, and no
name of a patient or of a file.
"""

import json
import logging
import tempfile
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from pipeline.base.errors import BadInputError, MedloomError
from pipeline.evaluation import record
from pipeline.evaluation.record import Evaluation, Figure
from pipeline.registry.lineage import DESCENDS_TAG
from pipeline.registry.output_spec import OutputSpec
from pipeline.registry.usage import usage

MODALITY_TAG, PHANTOM_TAG = "medloom.modality", "medloom.phantom"
MARK = "*medloom writes the text below this line; text above it is kept.*"
EVALUATION, VERDICT = f"evaluation/{record.EVALUATION_FILE}", "verdict.json"
_READ = (EVALUATION, VERDICT)
"""Artifacts of a version's MLflow run that a description is made of."""

_KEY_FIGURES = {
    record.KERNEL: "kernel distance",
    record.FRECHET: "Fréchet distance",
    record.PRECISION: "precision",
    record.COVERAGE: "coverage",
    record.REPEATS: "share drawn again by another seed",
    record.COPIES: "share of copies of training images",
    record.MEMBERSHIP: "membership inference, AUC",
    "psnr": "PSNR, dB",
    "psnr_gain": "PSNR beyond that of {rival}, dB",
    "ssim": "SSIM",
    "ssim_gain": "SSIM beyond that of {rival}",
    "mi": "mutual information with both sources, MI, 0 to 2",
    "mi_gain": "MI beyond that of {rival}",
    "qabf": "share of both sources' edges, Qabf",
    "qabf_gain": "Qabf beyond that of {rival}",
    "sf": "spatial frequency, SF, grey levels",
    "consistency": "difference to what was given, grey levels",
}
_OUTCOMES = {
    "promoted": "promoted",
    "awaiting": "passed; promotion needs a person's approval",
    "inconclusive": "inconclusive",
    "rejected": "rejected",
}
_SYNTHETIC = (
    "**Every image is synthetic. For research and development, never for diagnosis.** No image "
    "shows a person."
)
_OF_A_PATIENT = (
    "What it makes of a patient's image shows that patient; what it makes of a synthetic image is "
    "synthetic."
)
_WARNINGS = {
    "draw": _SYNTHETIC,
    "enlarge": "**Detail is added that was not measured. For research and development, never for "
    f"diagnosis.** {_OF_A_PATIENT}",
    "fuse": "**Contrast that one of the two images shows may be lost. For research and "
    f"development, never for diagnosis.** {_OF_A_PATIENT}",
}
_log = logging.getLogger(__name__)
# MLflow's databases hold 5,000 characters of a description.
_MOST_OF_CLASSES, _MOST_OF_KINDS, _MOST_REASON = 300, 100, 400


class VersionFacts(NamedTuple):
    """What the registry holds about a version.

    Attributes:
        model: name of the registered model.
        version: its number.
        output: classes and size of its images.
        modality: of the images it learned from, such as "CT, MR"; "" if the files did not say.
        phantom: it learned from medloom's computed phantoms.
        evaluation: of its run; None if there is none, or another version of medloom wrote it.
        outcome: promoted, awaiting, inconclusive or rejected; "" before the verdict.
        reason: of the verdict, in a sentence.
        descends_from: version whose networks its training went on from; "" if it began fresh.
    """

    model: str
    version: int
    output: OutputSpec
    modality: str = ""
    phantom: bool = False
    evaluation: Evaluation | None = None
    outcome: str = ""
    reason: str = ""
    descends_from: str = ""


class Pages(Protocol):
    """The part of the registry that descriptions are read from and written to."""

    model: str

    def description(self, version: int | None = None) -> str:
        """The description of a version; None: of the registered model."""

    def set_description(self, text: str, version: int | None = None) -> None:
        """Replace it."""

    def tags(self, version: int) -> dict[str, str]:
        """The tags of a version."""

    def output_spec(self, version: int) -> OutputSpec:
        """The classes and the size of a version's images."""

    def run_artifacts(self, version: int, path: str, to: Path) -> Path | None:
        """Download an artifact of the version's MLflow run; None: it does not exist."""


def describe_version(pages: Pages, version: int) -> None:
    """Write the description of a version; a failure is logged, as no decision depends on it."""
    _write(pages, version, lambda: version_description(read_facts(pages, version)))


def describe_model(pages: Pages, champion: int | None) -> None:
    """Write the description of the registered model; a failure is logged."""

    def text() -> str:
        facts = None if champion is None else read_facts(pages, champion)
        return model_description(facts, pages.model)

    _write(pages, None, text)


def _write(pages: Pages, version: int | None, text: Callable[[], str]) -> None:
    try:
        before = pages.description(version)
        if (after := merged(before, text())) != before:
            pages.set_description(after, version)
    except (MedloomError, ValueError) as error:
        what = "the registered model" if version is None else f"version {version}"
        _log.warning("the description of %s in MLflow was not updated: %s", what, error)


def read_facts(pages: Pages, version: int) -> VersionFacts:
    """What the registry holds about a version.

    Raises:
        BadInputError: the version does not exist, or has no tags of classes and size.
        TransientError: MLflow cannot be reached.
        ValueError: its verdict is not JSON.
    """
    with tempfile.TemporaryDirectory() as folder:
        found = {name: pages.run_artifacts(version, name, Path(folder)) for name in _READ}
        verdict, tags = _json(found[VERDICT]), pages.tags(version)
        return VersionFacts(
            pages.model,
            version,
            pages.output_spec(version),
            modality=tags.get(MODALITY_TAG, ""),
            phantom=tags.get(PHANTOM_TAG) == "YES",
            descends_from=tags.get(DESCENDS_TAG, "none").replace("none", ""),
            evaluation=_evaluation(found[EVALUATION]),
            outcome=tags.get("medloom.verdict", ""),
            reason=str(verdict.get("reason", "")),
        )


def merged(existing: str, text: str) -> str:
    """A description with medloom's part replaced, and what people wrote above it kept."""
    kept = existing.split(MARK, 1)[0].rstrip()
    return "\n\n".join(part for part in (kept, MARK, text) if part)


def version_description(facts: VersionFacts) -> str:
    """The description of a version."""
    parts = [
        _warning(facts),
        _what(facts, f"Version {facts.version}"),
        _verdict(facts),
        usage(facts.output, f"models:/{facts.model}/{facts.version}"),
        _figures(facts.evaluation),
        _card("this version"),
    ]
    return "\n\n".join(parts)


def model_description(champion: VersionFacts | None, model: str) -> str:
    """The description of the registered model; without a champion, it says so."""
    if champion is None:
        start = f"{model} has no champion at present; its versions are listed below."
        return "\n\n".join([_SYNTHETIC, start])
    parts = [
        _warning(champion),
        _what(champion, f"The champion, version {champion.version},"),
        usage(champion.output, f"models:/{model}@champion"),
        _figures(champion.evaluation),
        _card(f"version {champion.version}"),
    ]
    return "\n\n".join(parts)


def _warning(facts: VersionFacts) -> str:
    return _WARNINGS[facts.output.task]


def _what(facts: VersionFacts, subject: str) -> str:
    size, region = facts.output.image_size, facts.output.region
    listed = _listed(facts.output.classes)
    of = f"{facts.modality} images" if facts.modality else "images"
    order = facts.output.modalities
    learned = (
        "computed phantoms; no patient was imaged" if facts.phantom else "the project's images"
    )
    end = f"{_shown(region)}It learned from {learned}, of the classes {listed}.{_descent(facts)}"
    if facts.output.task == "fuse":
        given = (
            f"images of one place, {' and '.join(order)} in this order"
            if order
            else (f"{of} of one place")
        )
        return (
            f"{subject} is given two registered grey-level {given}, {size} x {size} "
            "pixels each (uint8, 0 black to 255 white), and makes one image of them that keeps "
            f"what both show. {end}"
        )
    if facts.output.task == "enlarge":
        small = facts.output.given_size
        return (
            f"{subject} is given grey-level {of} of {small} x {small} pixels (uint8, 0 black to "
            f"255 white) and makes them {facts.output.factor} times as large, {size} x {size}. "
            f"{end}"
        )
    return (
        f"{subject} draws grey-level {of} of {size} x {size} pixels (uint8, 0 black to 255 white) "
        f"of the classes {listed}. {_shown(region)}{_asked(facts.output.kinds)}"
        f"{_made(facts.output.made)}"
        f"It learned from {learned}.{_descent(facts)}"
    )


def _listed(names: Sequence[str], most: int = _MOST_OF_CLASSES) -> str:
    """The names, as many as fit into `most` characters, and at least one."""
    ends = accumulate(len(name) + 4 for name in names)
    kept = max(sum(end <= most for end in ends), 1)
    listed = ", ".join(f"`{name}`" for name in names[:kept])
    return f"{listed} and {len(names) - kept} more" if len(names) > kept else listed


def _descent(facts: VersionFacts) -> str:
    if not facts.descends_from:
        return ""
    return (
        f" It descends from version {facts.descends_from}: its training went on from the networks "
        "of that one, and so it learned from the images of both."
    )


def _shown(region: str) -> str:
    if not region:
        return ""
    return f"The images show a region, not whole images: `{region}` (`preprocess.region`). "


def _asked(kinds: tuple[str, ...]) -> str:
    if not kinds:
        return ""
    listed = _listed(kinds, _MOST_OF_KINDS)
    return f"It can be asked for findings of the kinds {listed}, and gives their masks. "


def _made(kinds: tuple[str, ...]) -> str:
    if not kinds:
        return ""
    listed = _listed(kinds, _MOST_OF_KINDS)
    return f"Beside each image it makes a mask of its findings, of the kinds {listed}. "


def _verdict(facts: VersionFacts) -> str:
    if not facts.outcome:
        return "**Verdict of the gate:** none yet."
    reason = " ".join(facts.reason.replace("<", "&lt;").split())
    if len(reason) > _MOST_REASON:
        reason = f"{reason[:_MOST_REASON]} (shortened; `{VERDICT}` has all of it)"
    outcome = _OUTCOMES.get(facts.outcome, facts.outcome)
    return (
        f"**Verdict of the gate:** {outcome}{f': {reason}' if reason else ''}. "
        "The alias `champion` shows which version is champion now."
    )


def _figures(evaluation: Evaluation | None) -> str:
    if evaluation is None:
        return "## Figures\n\nThis version has no evaluation that can be read."
    found = {figure.metric: figure for figure in evaluation.figures if figure.label is None}
    rows = [
        _row(title.format(rival=evaluation.baseline_family), found[metric])
        for metric, title in _KEY_FIGURES.items()
        if metric in found
    ]
    head = ["| figure | value | interval | floor | protocol |", "|---|---|---|---|---|"]
    note = (
        "The floor is the same figure of real images in the place of generated ones. Figures "
        "compare only within one protocol."
    )
    return "\n".join(["## Figures", "", *head, *rows, "", note])


def _row(title: str, figure: Figure) -> str:
    interval = ""
    if figure.low is not None and figure.high is not None:
        interval = f"{figure.low:.4g} to {figure.high:.4g}"
    floor = "" if figure.floor is None else f"{figure.floor:.4g}"
    return f"| {title} | {figure.value:.4g} | {interval} | {floor} | `{figure.protocol}` |"


def _card(whose: str) -> str:
    return (
        "## More\n\n"
        f"Among the artifacts of the MLflow run of {whose}: the model card (`report.html`, and "
        f"`model-card.json` for machines), all figures (`{EVALUATION}`), and the verdict with "
        f"every rule (`{VERDICT}`)."
    )


def _evaluation(file: Path | None) -> Evaluation | None:
    try:
        return Evaluation.load(file) if file else None
    except BadInputError:  # of a later or an early version of medloom
        return None


def _json(file: Path | None) -> dict[str, Any]:
    found = json.loads(file.read_text()) if file else {}
    return found if isinstance(found, dict) else {}
