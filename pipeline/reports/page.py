"""Shared parts of the pages: templates and style, pictures as data URIs, number formats."""

import base64
import io
import math
from pathlib import Path

import jinja2
from PIL import Image

_LARGEST_PNG = 350_000  # bytes; a larger picture is inlined as JPEG to keep the page small


def environment() -> jinja2.Environment:
    """The Jinja environment of this package's templates; undefined names are errors."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline.reports"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters |= {"number": number, "share": share, "size": size}
    made.filters["duration"] = duration
    return made


def inline_file(file: Path) -> str:
    """A picture's PNG file as a data URI: the file itself, or a JPEG when it is large."""
    return inline_png(file.read_bytes())


def inline_png(content: bytes) -> str:
    """A PNG as a data URI: itself, or a JPEG when it is large."""
    if len(content) <= _LARGEST_PNG:
        return data_uri(content, "png")
    with Image.open(io.BytesIO(content)) as image:
        return inline_jpeg(image)


def inline_jpeg(image: Image.Image) -> str:
    """A picture as the data URI of a JPEG, grey or in colour."""
    stream = io.BytesIO()
    image.convert("L" if image.mode == "L" else "RGB").save(stream, "JPEG", quality=86)
    return data_uri(stream.getvalue(), "jpeg")


def data_uri(content: bytes, kind: str) -> str:
    """An encoded picture as a data URI."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


# -- number formats --------------------------------------------------------------------------------


def number(value: float) -> str:
    """Three significant digits, without an exponent where possible."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(digits, 5)}f}".replace("-", "−")


def share(value: float) -> str:
    """Format a share as percent."""
    return f"{100 * value:.1f} %"


def size(value: int) -> str:
    """Format a number of bytes."""
    amount, unit = float(value), "B"
    for larger in ("kB", "MB", "GB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 10 else f"{amount:.1f} {unit}"


def duration(seconds: float) -> str:
    """Format seconds."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"
