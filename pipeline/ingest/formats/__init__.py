"""Source formats behind one interface: bytes in, one greyscale image out.

A further format is a module with a `decode(data, max_pixels) -> Decoded` and a line in `_DECODERS`.
"""

from collections.abc import Callable

from pipeline.ingest.formats import raster
from pipeline.ingest.formats.decoded import Decoded, Pixels
from pipeline.ingest.formats.sniff import SNIFF_BYTES, sniff
from pipeline.ingest.refusal import Refused

__all__ = ["ALLOWED", "Decoded", "Pixels", "decode"]

_DECODERS: dict[str, Callable[[bytes, int], Decoded]] = {
    "PNG": raster.decode,
    "JPEG": raster.decode,
    "TIFF": raster.decode,
    "BMP": raster.decode,
}
ALLOWED = ", ".join(_DECODERS)


def decode(data: bytes, max_pixels: int) -> Decoded:
    """Decode a whole file.

    Raises:
        Refused: empty, not an image, a format that is not supported, damaged, more than one
            frame, more pixels than allowed, or a depth that cannot be kept.
    """
    if not data:
        raise Refused("empty", "the file has no bytes")
    name = sniff(data[:SNIFF_BYTES])
    if name in _DECODERS:
        return _DECODERS[name](data, max_pixels)
    if name == "GIF":
        name = "an animated GIF" if raster.is_animated_gif(data) else "a GIF"
    elif name in ("text", "unknown data"):
        raise Refused("not-an-image", f"the content is {name}; allowed are {ALLOWED}")
    raise Refused("unsupported-format", f"the content is {name}; allowed are {ALLOWED}")
