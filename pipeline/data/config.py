"""The `ingest` section of params.yaml: formats, quality thresholds, patients and splits."""

import hashlib
import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from model.section import Section
from pipeline.data.layout import CLASS_NAME

Shown = tuple[float, float] | Literal["file", "percentiles"]
"""Centre and width of a window, or where the window comes from."""
_WINDOWS: dict[str, Shown] = {
    "CT": (40.0, 400.0), "CR": "file", "DX": "file", "MR": "file", "US": "file",
}  # fmt: skip
_OFTEN_WITH_TEXT = ("US", "CR", "DX", "MG", "RF", "XA", "ES", "OT", "SC", "XC")


class CheckRule(Section):
    """Limit and action of one check that compares new images with others of their class."""

    limit: float = Field(description="value beyond which the check reports an image")
    action: Literal["warn", "quarantine", "ignore"] = Field(
        default="warn",
        description="warn: note it in the manifest; quarantine: until a person has reviewed the "
        "image; ignore: skip the check",
    )

    @property
    def on(self) -> bool:
        """Whether the check runs."""
        return self.action != "ignore"


class ChecksConfig(Section):
    """Checks that compare new images with others of their class."""

    near_duplicate: CheckRule = Field(
        default=CheckRule(limit=0.9999),
        description="correlation of thumbnails above which two images are near-duplicates",
    )
    outlier: CheckRule = Field(
        default=CheckRule(limit=0.7),
        description="correlation with the nearest image below which an image is an outlier",
    )
    windowing: CheckRule = Field(
        default=CheckRule(limit=6.0),
        description="deviations of an image's brightness from the class median",
    )
    low_information: CheckRule = Field(
        default=CheckRule(limit=0.25), description="fewest bits per pixel of the canonical PNG"
    )

    def by_name(self, name: str) -> CheckRule:
        """The check with the name that findings use."""
        found: CheckRule = getattr(self, name.replace("-", "_"))
        return found


class IngestConfig(Section):
    """The `ingest` section of params.yaml. Pixels are counted in the decoded image."""

    min_side: int = Field(default=32, ge=1, description="shortest side allowed, in pixels")
    max_pixels: int = Field(
        default=16_777_216,
        ge=1024,
        description="most pixels of an image, checked before it is decoded",
    )
    max_bytes: int = Field(
        default=268_435_456, ge=1024, description="largest source file, in bytes"
    )
    max_unpacked_bytes: int = Field(
        default=17_179_869_184, ge=1024, description="most bytes an archive may unpack to"
    )
    max_members: int = Field(default=50_000, ge=1, description="most files an archive may hold")
    modalities: tuple[str, ...] = Field(
        default=("CT", "CR", "DX", "MR", "US"),
        description="DICOM modalities that are ingested",
    )
    windows: dict[str, Shown] = Field(
        default=_WINDOWS,
        description="window of each modality: [centre, width] (CT in HU), file (the file's own) "
        "or percentiles; a modality left out keeps its default, else file",
    )
    slice_axis: Literal["axial", "coronal", "sagittal"] = Field(
        default="axial", description="view in which volumes are sliced"
    )
    slice_from: float = Field(
        default=0.0, ge=0.0, lt=1.0, description="first slice of a volume, as a share of its length"
    )
    slice_to: float = Field(
        default=1.0, gt=0.0, le=1.0, description="end of a volume's slices, as a share"
    )
    slice_step: int = Field(default=1, ge=1, description="take every n-th slice of a volume")
    class_folder: int = Field(
        default=0,
        ge=0,
        description="number of the folder in each path that is the class, from 1; 0: find it",
    )
    add_classes: tuple[str, ...] = Field(
        default=(),
        description="classes that the project accepts in addition to those of its first ingest",
    )
    guess_views: bool = Field(
        default=False,
        description="guess axial or coronal from the outline where the view is unknown; for CT of "
        "the trunk",
    )
    npz_classes: tuple[str, ...] = Field(
        default=(), description="class names, in the order of the integer labels of NPZ files"
    )
    finding_kinds: tuple[str, ...] = Field(
        default=(),
        description="kinds of findings in the order of their numbers, from 0 in YOLO files and "
        "from 1 in masks; '-' leaves a number out. Where it is empty, classes.txt, data.yaml or "
        "dataset.json beside the files give them",
    )
    max_aspect: float = Field(
        default=4.0, ge=1.0, description="longest side over shortest side, at most"
    )
    min_std: float = Field(
        default=2.0, ge=0.0, description="least standard deviation, in grey levels"
    )
    burnt_in_glyphs: int = Field(
        default=5,
        ge=0,
        description="letter-like shapes in a row that count as burnt-in text unread; 0: no check "
        "for text and marks at all",
    )
    burnt_in_confidence: float = Field(
        default=0.85,
        ge=0.0,
        le=1.0,
        description="confidence from which text that is read counts as burnt-in; 0: none is read",
    )
    burnt_in_read: tuple[str, ...] = Field(
        default=_OFTEN_WITH_TEXT,
        description="modalities whose images are all read, as text is common on them; unknown: "
        "images that tell no modality. Other images are read where strokes look like letters",
    )
    burnt_in_crosses: int = Field(
        default=2,
        ge=0,
        description="drawn crosses, as of a measurement, that set an image aside; 0: none do",
    )
    mask_levels: int = Field(
        default=16,
        ge=0,
        description="most grey levels of an image that is a mask and no picture; 0: no check",
    )
    checks: ChecksConfig = Field(
        default=ChecksConfig(),
        description="checks that compare new images with others of their class",
    )
    patient_pattern: str = Field(
        default=r"^(?P<patient>phantom-\d+)-",
        description="regular expression over the file name; its group `patient` is the patient",
    )
    no_patient: tuple[str, ...] = Field(
        default=(),
        description="values that identify nobody, in addition to ANONYMOUS, 000000, XXXX and the "
        "like; compared by letters and digits alone",
    )
    group_correlation: float = Field(
        default=0.96,
        gt=0.0,
        lt=1.0,
        description="thumbnail correlation above which images without a patient share a group",
    )
    max_group_share: float = Field(
        default=0.10, gt=0.0, le=1.0, description="largest share of all images in one pixel group"
    )
    group_share_from: int = Field(
        default=100,
        ge=1,
        description="images a data set needs before max_group_share applies",
    )
    val_share: float = Field(
        default=0.15, gt=0.0, lt=0.5, description="share of each class's groups"
    )
    test_share: float = Field(
        default=0.15, gt=0.0, lt=0.5, description="share of each class's groups"
    )
    allow_missing: bool = Field(default=False, description="accept a split that lacks a class")

    @field_validator("patient_pattern")
    @classmethod
    def _check_patient_pattern(cls, pattern: str) -> str:
        try:
            groups = re.compile(pattern).groupindex
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        if "patient" not in groups:
            raise ValueError("the pattern needs a group (?P<patient>...)")
        return pattern

    @field_validator("finding_kinds")
    @classmethod
    def _check_finding_kinds(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [one for one in kinds if one != "-" and not CLASS_NAME.fullmatch(one)]:
            raise ValueError(
                f"{', '.join(wrong)} is no kind; allowed are a-z, 0-9, - and _, as in "
                "kidney-stone, and '-' alone for a number that is no finding"
            )
        return kinds

    @field_validator("windows")
    @classmethod
    def _check_windows(cls, windows: dict[str, Shown]) -> dict[str, Shown]:
        for modality, shown in windows.items():
            if isinstance(shown, tuple) and shown[1] <= 0:
                raise ValueError(
                    f"{modality}: {list(shown)} is not a window; allowed are two numbers, the "
                    "centre, and the width above 0"
                )
        return _WINDOWS | windows

    @field_validator("burnt_in_read")
    @classmethod
    def _check_burnt_in_read(cls, read: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [one for one in read if one != "unknown" and not re.fullmatch("[A-Z]+", one)]:
            raise ValueError(
                f"{', '.join(wrong)} is no modality; allowed are DICOM's, such as US, and unknown"
            )
        return read

    @model_validator(mode="after")
    def _check_modalities(self) -> Self:
        allowed = {*_WINDOWS, *self.modalities}
        if unknown := sorted(set(self.windows) - allowed):
            raise ValueError(
                f"windows: {', '.join(unknown)} is not an ingested modality; allowed are "
                f"{', '.join(sorted(allowed))} and those in ingest.modalities"
            )
        return self

    @model_validator(mode="after")
    def _check_slices(self) -> Self:
        if self.slice_from >= self.slice_to:
            raise ValueError("slice_from must be less than slice_to")
        return self

    @property
    def shares(self) -> dict[str, float]:
        """Target share of each class's groups, by split; they sum to 1."""
        train = 1.0 - self.val_share - self.test_share
        return {"train": train, "val": self.val_share, "test": self.test_share}

    @property
    def rules(self) -> str:
        """A short hash of this section; a file refused under other rules is read again."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]
