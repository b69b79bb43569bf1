"""What ingest accepts: thresholds of quality, how patients are recognised, how splits are drawn."""

import hashlib
import re
from math import isfinite
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from model.section import Section

Shown = tuple[float, float] | Literal["file", "percentiles"]
"""Centre and width of a window, or where it comes from."""
_WINDOWS: dict[str, Shown] = {
    "CT": (40.0, 400.0), "CR": "file", "DX": "file", "MR": "file", "US": "file",
}  # fmt: skip


class Check(Section):
    """One check of new images beside the others of their class."""

    limit: float = Field(description="beyond which it speaks")
    action: Literal["warn", "quarantine", "ignore"] = Field(
        default="warn",
        description="warn: a column of the manifest says so; quarantine: until a person has looked",
    )

    @property
    def on(self) -> bool:
        """Whether it is made at all."""
        return self.action != "ignore"


class ChecksConfig(Section):
    """What is looked for in new images beside those of their class."""

    near_duplicate: Check = Field(
        default=Check(limit=0.9999),
        description="correlation of small copies above which two images are nearly one",
    )
    outlier: Check = Field(
        default=Check(limit=0.7),
        description="correlation with the nearest image, below which an image is like no other",
    )
    windowing: Check = Field(
        default=Check(limit=6.0),
        description="deviations of an image's brightness from the class's",
    )
    low_information: Check = Field(
        default=Check(limit=0.25), description="bits a pixel that its PNG takes, at least"
    )

    def by_name(self, name: str) -> Check:
        """A check by the name that findings carry."""
        found: Check = getattr(self, name.replace("-", "_"))
        return found


class IngestConfig(Section):
    """The `ingest` section of params.yaml. Pixels are counted in the image as it is decoded."""

    min_side: int = Field(default=32, ge=1, description="shortest side allowed, in pixels")
    max_pixels: int = Field(
        default=16_777_216,
        ge=1024,
        description="most pixels an image may unfold to, checked unopened",
    )
    max_bytes: int = Field(
        default=268_435_456, ge=1024, description="largest source file, in bytes"
    )
    max_unpacked_bytes: int = Field(
        default=17_179_869_184, ge=1024, description="most bytes an archive may unfold to"
    )
    max_members: int = Field(default=50_000, ge=1, description="most files an archive may hold")
    modalities: tuple[str, ...] = Field(
        default=("CT", "CR", "DX", "MR", "US"),
        description="DICOM modalities that are taken in",
    )
    windows: dict[str, Shown] = Field(
        default=_WINDOWS,
        description="what is shown of a modality: [centre, width] (CT in HU), file (as the file "
        "says) or percentiles; left out: as here, or file",
    )
    slice_axis: Literal["axial", "coronal", "sagittal"] = Field(
        default="axial", description="view that a volume is cut into"
    )
    slice_from: float = Field(
        default=0.0, ge=0.0, lt=1.0, description="first slice of a volume, as a share of its length"
    )
    slice_to: float = Field(
        default=1.0, gt=0.0, le=1.0, description="end of a volume's slices, as a share"
    )
    slice_step: int = Field(default=1, ge=1, description="slices from one taken to the next")
    add_classes: tuple[str, ...] = Field(
        default=(),
        description="classes that may come although the project began without them",
    )
    guess_views: bool = Field(
        default=False,
        description="tell axial from coronal by the outline where nothing does: CT of the trunk",
    )
    npz_classes: tuple[str, ...] = Field(
        default=(), description="class names by the numbers that an NPZ's labels use"
    )
    max_aspect: float = Field(default=4.0, ge=1.0, description="longest side over shortest side")
    min_std: float = Field(
        default=2.0, ge=0.0, description="least standard deviation, in grey levels"
    )
    burnt_in_glyphs: int = Field(
        default=5,
        ge=0,
        description="letter-like shapes in a row that are taken for burnt-in text; 0: not looked "
        "for",
    )
    checks: ChecksConfig = Field(
        default=ChecksConfig(),
        description="what is odd beside other images of the class, and what is done about it",
    )
    patient_pattern: str = Field(
        default=r"^(?P<patient>phantom-\d+)-",
        description="regular expression over the file name; its group `patient` names the patient",
    )
    group_correlation: float = Field(
        default=0.96,
        gt=0.0,
        lt=1.0,
        description="images without a patient whose thumbnails correlate above this share a group",
    )
    max_group_share: float = Field(
        default=0.10, gt=0.0, le=1.0, description="largest share of all images in one pixel group"
    )
    group_share_from: int = Field(
        default=100,
        ge=1,
        description="images a data set needs before max_group_share is asked of it",
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
    def _names_a_patient(cls, pattern: str) -> str:
        try:
            groups = re.compile(pattern).groupindex
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        if "patient" not in groups:
            raise ValueError("the pattern needs a group (?P<patient>...)")
        return pattern

    @field_validator("windows")
    @classmethod
    def _are_wide(cls, windows: dict[str, Shown]) -> dict[str, Shown]:
        for modality, shown in windows.items():
            if isinstance(shown, tuple) and not (all(map(isfinite, shown)) and shown[1] > 0):
                raise ValueError(
                    f"{modality}: {list(shown)} is no window; allowed are two numbers, the centre "
                    "and the width, which is over 0"
                )
        return _WINDOWS | windows

    @model_validator(mode="after")
    def _shows_modalities(self) -> Self:
        allowed = {*_WINDOWS, *self.modalities}
        if unknown := sorted(set(self.windows) - allowed):
            raise ValueError(
                f"windows: {', '.join(unknown)} is no modality that is taken in; allowed are "
                f"{', '.join(sorted(allowed))}, and what ingest.modalities names"
            )
        return self

    @model_validator(mode="after")
    def _takes_a_slice(self) -> Self:
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
        """A short hash of this section: a file refused under other rules is looked at again."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]
