"""A file of a synthetic image, given to an enlarger by whoever has it.

Only files that say of themselves that they are synthetic are taken: what is made of a patient's
image shows that patient, and must not get the marks of an image that shows nobody.
"""

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.base.errors import BadInputError
from pipeline.registry.enlargement import Enlargement
from pipeline.registry.verify_image import read_pixels
from pipeline.synthetic.marker import WATERMARK_FACT, Marker
from pipeline.synthetic.reading import read_marks
from pipeline.synthetic.zip_file import ZipMember

_NOT_IN_NAMES = re.compile(r"[^\w.+-]", re.ASCII)
_NOT_ENLARGED = {"enlarged_by": "was enlarged before", "mask_of": "is a mask"}
"""Facts of images that are not enlarged, and what they say."""


@dataclass(frozen=True)
class GivenFile:
    """A synthetic image from a file.

    Attributes:
        stem: of the file's name.
        image: uint8 [h, h].
        facts: what it says of itself, without a watermark, which no enlargement keeps.
    """

    stem: str
    image: NDArray[np.uint8]
    facts: dict[str, Any]

    @classmethod
    def read(cls, name: str, data: bytes, side: int) -> Self:
        """Read a PNG file.

        Args:
            name: of the file, for messages and for what is made of it.
            data: its bytes.
            side: height and width that it must have.

        Raises:
            BadInputError: it is no PNG file of 8 bits and that side, it does not say that it is
                synthetic, a mark of it is broken, or it is a mask or an enlargement.
        """
        try:
            with Image.open(io.BytesIO(data), formats=("PNG",)) as opened:
                size, mode = opened.size, opened.mode
        except Image.DecompressionBombError as error:
            raise BadInputError(
                f"{name} has too many pixels; this version is given {side} x {side} px"
            ) from error
        except (OSError, SyntaxError, ValueError):
            raise BadInputError(f"{name} is no PNG file; give one of {side} x {side} px") from None
        if size != (side, side):  # before anything is decoded
            raise BadInputError(
                f"{name} has {size[0]} x {size[1]} px; this version is given {side} x {side} px"
            )
        try:
            marks = read_marks(Path(name), data)  # signed by any key, as other projects have others
            image = read_pixels(data)
        except OSError as error:
            raise BadInputError(f"{name} cannot be decoded: {error}") from error
        if image.dtype != np.uint8:
            raise BadInputError(f"{name} is a PNG of the mode {mode}; give 8 bits of grey")
        facts = next((mark.facts for mark in marks if mark.facts is not None), None)
        if facts is None:
            raise BadInputError(
                f"{name} does not say that it is synthetic, as files of medloom do "
                "(docs/marks.md); enlarge images of patients where they lie, with `model.enlarge`"
            )
        if problem := next((mark.problem for mark in marks if mark.problem), ""):
            raise BadInputError(f"{name} has a mark that is broken: {problem}")
        if why := next((why for fact, why in _NOT_ENLARGED.items() if fact in facts), ""):
            raise BadInputError(f"{name} {why}; give an image as it was drawn")
        kept = {key: value for key, value in facts.items() if key != WATERMARK_FACT}
        return cls(_NOT_IN_NAMES.sub("_", Path(name).stem), image, kept)

    def enlarged(self, larger: Enlargement, made: NDArray[np.uint8], marker: Marker) -> ZipMember:
        """The file of its enlargement, which says what this one says and by whom it was enlarged.

        Args:
            larger: the enlarger.
            made: its enlargement, uint8 [H, H].
            marker: marks the file.
        """
        facts = self.facts | larger.facts | marker.facts((made.shape[0], made.shape[1]))
        content = marker.encode("png", marker.watermarked(made), facts)
        return ZipMember(f"{self.stem}-{larger.in_words}.png", content, facts)
