"""The evaluation record: settings, protocol, figures and group scores.

The gate, the report and the command line read it without torch.
"""

import json
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError, field_validator

from model.extractors import ExtractorConfig
from model.families import names
from model.section import Section, Stored
from model.tasks import task_of
from model.utility.config import UtilityConfig
from model.utility.record import UtilityReport
from pipeline.base.errors import BadInputError
from pipeline.evaluation.class_record import ClassMatrix

EVALUATION_FILE = "evaluation.json"
BASELINE_FOLDER = "baseline"
"""Beside that file, of the baseline: its networks, and grids of its images."""

KERNEL, FRECHET, DIVERSITY = "kernel_distance", "frechet_distance", "ms_ssim_within_class"
REPEATS = "repeat_share"
FRECHET_INFINITY = "frechet_distance_infinity"
PRECISION, RECALL, DENSITY, COVERAGE = "precision", "recall", "density", "coverage"
NEAREST, CLOSE, COPIES = "nearest_ssim", "close_share", "copy_share"
NNDR, AUTHENTIC, C_T = "nndr", "authentic_share", "c_t"
MEMBERSHIP, MEMBERSHIP_TPR = "membership_auc", "membership_tpr_at_1_percent_fpr"
HISTOGRAM, MEAN_IMAGE, SPECTRUM = "histogram_emd", "mean_image_rms", "psd_slope_difference"
FINDINGS = PREVALENCE, COUNTS, SIZES, RADIUS, RARER, RATE = (
    "prevalence", "count_distance", "size_distance", "mean_radius", "rarer_kidney_share",
    "finding_rate",
)  # fmt: skip
"""Figures of stones and cysts in phantoms, prefixed by the kind: `stone_prevalence`."""
OBEDIENCE = HIT, FALSE, DICE, SIZE_ERROR = "hit_rate", "false_share", "dice", "size_error"
"""Figures of findings that were commanded, prefixed by the kind: `stone_hit_rate`."""
DETECTION = DETECTED, DETECTOR_AUC = "detected_share", "detector_auc"
"""Share of images in which the learned detector finds a kind, and how well it tells real ones."""
CLASS_MARGINS = CLASS_MARGIN, CLASS_MARGIN_MATCHED = "class_margin", "class_margin_matched"
"""Figures by class alone; the matrices hold the rest."""
AGREEMENTS = AGREEMENT, AGREEMENT_FINDINGS, AGREEMENT_PLAIN = (
    "gan_test", "gan_test_findings", "gan_test_plain",
)  # fmt: skip
"""By what the class is read: the whole image, what the detector finds in it, its grey levels."""
COMPOSITION = "composition_likeness"
AUTOCOVARIANCE, EIGENVALUES = "autocovariance_difference", "eigenvalue_difference"


class EvaluateConfig(Section):
    """The `evaluate` section of params.yaml."""

    n_fake: int = Field(
        default=600,
        ge=60,
        description="number of generated images, in the class mix of the test split",
    )
    seeds: Annotated[tuple[int, ...], Field(strict=False, min_length=3)] = Field(
        default=(0, 1, 2), description="sampling seeds; each draws an equal part of n_fake"
    )
    max_train: int = Field(
        default=1000, ge=100, description="most training images to compare features with"
    )
    seed: int = Field(
        default=0, ge=0, description="seed of every other draw: pairs, subsets, halves"
    )
    pairs: int = Field(default=200, ge=10, description="random pairs per class for MS-SSIM")
    neighbours: int = Field(
        default=10, ge=1, description="nearest neighbours by features, then compared by SSIM"
    )
    prdc_k: int = Field(
        default=5, ge=1, le=50, description="neighbours for precision, recall, density and coverage"
    )
    copy_correlation: float = Field(
        default=0.97,
        gt=0.5,
        lt=1,
        description="correlation above which a generated image is a copy of a training image",
    )
    baseline: str = Field(
        default="",
        description="family trained equally long for comparison, such as vae; '': none. On a CPU "
        "of several cores it is trained beside the generator",
    )
    grid_columns: int = Field(default=6, ge=2, le=12, description="columns of each half of a grid")
    nearest_shown: int = Field(default=8, ge=1, le=24, description="closest pairs in nearest.png")
    gan_test_kimg: float = Field(
        default=8.0,
        ge=0,
        description="thousands of real images shown to the classifier of the GAN-test; 0: none",
    )
    detector_steps: int = Field(
        default=500,
        ge=0,
        description="steps of the detector that is trained on annotated images; 0: none",
    )
    extractor: ExtractorConfig = Field(
        default=ExtractorConfig(), description="network that turns images into features"
    )
    utility: UtilityConfig = Field(
        default=UtilityConfig(),
        description="value of synthetic images for training a classifier; off by default",
    )

    @field_validator("baseline")
    @classmethod
    def _a_family_that_is_there(cls, name: str) -> str:
        drawing = [one for one in names() if task_of(one).name == "draw"]
        if name and name not in drawing:
            raise ValueError(f"is not one of {', '.join(drawing)}, or '' for none")
        return name


class Protocol(Stored):
    """How the figures were made. Evaluations of different protocols are never compared."""

    extractor: str
    weights_sha256: str
    resize: str
    fast_path: str
    image_size: int
    classes: tuple[str, ...]
    real_sha256: str
    train_sha256: str
    n_real: int
    n_fake: dict[str, int]
    n_train: int
    seeds: tuple[int, ...]
    seed: int
    pairs: int
    neighbours: int
    prdc_k: int
    copy_correlation: float
    ms_ssim_betas: tuple[float, ...]
    version: int = 2
    region: str = Field(
        default="", description="part of the images that is compared; '': whole images"
    )
    task: str = Field(default="draw", description="what the generator does, of model/tasks")
    factor: int = Field(default=1, description="how many times larger it makes a given image")


class Figure(Stored):
    """One number with the context needed to read it.

    Attributes:
        metric: kernel_distance, frechet_distance, …
        label: class name; None over all classes.
        protocol: short name of its protocol, such as kd_efflite0_n600.
        value: the figure.
        floor: the same figure of real images at the same N, which a perfect generator would reach:
            training against test images for kernel and Frechet distances, real images in the
            place of generated ones for the others.
        halves: the figure between two halves of the test split that share no group, the distance
            between patients. None with too few groups.
        low, high: interval, of the kind documented with the metric. None when not computed.
        n_real, n_fake: number of images on each side.
    """

    metric: str
    label: str | None
    protocol: str
    value: float
    floor: float | None = None
    halves: float | None = None
    low: float | None = None
    high: float | None = None
    n_real: int
    n_fake: int


class Statistic(Stored):
    """A per-image statistic, and how far its distributions over real and generated images agree.

    Attributes:
        name: mean, psd_slope, object_count, … (`model.metrics.canonical_statistics`).
        ks: Kolmogorov-Smirnov distance, generated against test images.
        floor: the same, training against test images.
        p_holm: p-value of `ks`, Holm-corrected over all the statistics.
        outside: share of generated images outside the 1-99 % range of the test images.
        outside_floor: the same for training images.
    """

    name: str
    ks: float
    floor: float
    p_holm: float
    outside: float
    outside_floor: float


class Evaluation(Stored):
    """Everything measured of one generator.

    Attributes:
        model: sha256 of the generator's weights.
        protocol: how the figures were made.
        figures: overall first, then by class.
        group_scores: by test group, one kernel score per sampling seed, up to a constant that is
            the same for every model under this protocol (`model.metrics.kernel_distance_by_group`).
        fake_variance: the variance that the finite number of fakes adds to the mean score.
        classes_drawn: classes that the generator could draw.
        statistics: per-image statistics.
        class_matrices: distances between generated and real classes, as drawn and with grey levels
            matched; empty with a single class, and in records of before.
        utility: value of the images for training a classifier; None when not measured.
        baseline_family: family of the baseline, trained equally long, or the rival of a task whose
            results have a truth; None without one.
        baseline: evaluation of the baseline, under the same protocol.
    """

    model: str
    protocol: Protocol
    figures: tuple[Figure, ...]
    group_scores: dict[str, tuple[float, ...]]
    fake_variance: float = Field(ge=0)
    classes_drawn: tuple[str, ...]
    statistics: tuple[Statistic, ...] = ()
    class_matrices: tuple[ClassMatrix, ...] = ()
    utility: UtilityReport | None = None
    baseline_family: str | None = None
    baseline: "Evaluation | None" = None

    def figure(self, metric: str, label: str | None = None) -> Figure:
        """The figure of a metric, overall or of a class.

        Raises:
            BadInputError: it was not measured.
        """
        for figure in self.figures:
            if (figure.metric, figure.label) == (metric, label):
                return figure
        raise BadInputError(
            f"the evaluation of {self.model[:12]} has no {metric} of {label or 'all classes'}; run "
            "the evaluate stage again"
        )

    def flat(self) -> dict[str, float]:
        """Figures as flat metrics for a tracker: `kd_efflite0_n600`, `kd_efflite0_n600_floor`, …"""
        flat: dict[str, float] = {}
        for figure in self.figures:
            name = figure.protocol + (f"_{figure.label}" if figure.label else "")
            values = {"": figure.value, "_floor": figure.floor, "_low": figure.low}
            values["_high"] = figure.high
            flat |= {name + end: value for end, value in values.items() if value is not None}
        for one in self.statistics:
            flat |= {f"ks_{one.name}": one.ks, f"ks_{one.name}_floor": one.floor}
        for matrix in self.class_matrices:
            flat |= matrix.flat()
        if self.baseline:
            beside = self.baseline.flat()
            flat |= {f"baseline_{self.baseline_family}_{name}": beside[name] for name in beside}
        return flat

    def save(self, file: Path) -> None:
        """Write JSON, the same bytes for the same record."""
        file.write_text(json.dumps(self.model_dump(mode="json"), indent=1, sort_keys=True) + "\n")

    @classmethod
    def load(cls, file: Path) -> "Evaluation":
        """Read what `save` wrote.

        Raises:
            BadInputError: the file is missing or not a valid evaluation.
        """
        try:
            return cls.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            raise BadInputError(f"{file} is missing: run the evaluate stage first") from None
        except ValidationError as error:
            raise BadInputError(f"{file} is not an evaluation of this version: {error}") from error


def require_same_protocol(candidate: Evaluation, champion: Evaluation) -> None:
    """Refuse to compare evaluations of different protocols.

    Raises:
        BadInputError: names each field that differs, with both values.
    """
    a, b = candidate.protocol.model_dump(), champion.protocol.model_dump()
    for one in (a, b):
        one["region"] = one["region"] or "whole images"
    faults = [f"  {key}: candidate {a[key]}, champion {b[key]}" for key in a if a[key] != b[key]]
    if set(candidate.group_scores) != set(champion.group_scores):
        faults.append("  group_scores: of different test groups")
    if faults:
        raise BadInputError(
            "these two evaluations cannot be compared, their protocols differ:\n"
            + "\n".join(faults)
            + "\nscore the champion again under the candidate's protocol"
        )
