"""Files that an enlarger is given: synthetic ones alone, and what their enlargements say."""

import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.registry.enlargement import Enlargement
from pipeline.registry.generators import Generators, Version
from pipeline.registry.given_file import GivenFile
from pipeline.registry.layout_files import read_layouts
from pipeline.synthetic.keys import make_keys
from pipeline.synthetic.marker import WATERMARK_FACT, Marker
from pipeline.synthetic.png import is_marked, png_bytes

SIDE = 32
PIXELS = np.arange(SIDE * SIDE, dtype=np.uint32).reshape(SIDE, SIDE).astype(np.uint8)
FACTS = {"model": "medloom-kidney", "version": 3, "label": "stone", "seed": 7, "index": 1}


def larger(project: Project) -> Enlargement:
    version = Version(5, ("champion",), "ab" * 32, "k5")
    return Enlargement("medloom-larger", version, 4, 2.0, Generators(project))


def plain_png(image: Image.Image, form: str = "PNG") -> bytes:
    stream = io.BytesIO()
    image.save(stream, form)
    return stream.getvalue()


def png_that(header: bytes, body: bytes = b"") -> bytes:
    """A PNG of these chunks alone."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content).to_bytes(4, "big")
        return len(content).to_bytes(4, "big") + kind + content + check

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("side", "says"), [(20_000, "too many pixels; .* is given 32 x 32 px"), (SIDE, "no PNG file")]
)
def test_a_png_that_would_unpack_to_much_is_refused_in_words(
    side: int, says: str, tmp_path: Path
) -> None:
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    text = b"zTXt" + b"x\0\0" + zlib.compress(b"0" * 3_000_000)
    chunk = (len(text) - 4).to_bytes(4, "big") + text + zlib.crc32(text).to_bytes(4, "big")
    data = png_that(header, chunk if side == SIDE else b"")
    with pytest.raises(BadInputError, match=says):
        GivenFile.read("scan.png", data, SIDE)
    file = tmp_path / "layout.png"
    file.write_bytes(data)
    with pytest.raises(BadInputError, match=r"the layout .* cannot be read"):
        read_layouts(file, ["stone"], SIDE, 1)


def test_the_file_of_an_enlargement_says_what_the_given_one_said_and_by_whom(
    project: Project,
) -> None:
    data = png_bytes(PIXELS, FACTS | {WATERMARK_FACT: "of the small image"})
    given = GivenFile.read("a b/scan 1.png", data, SIDE)
    assert np.array_equal(given.image, PIXELS)
    made = PIXELS.repeat(4, 0).repeat(4, 1)
    file = given.enlarged(larger(project), made, Marker(None))
    assert file.name == "scan_1-x4-v5.png"
    with Image.open(io.BytesIO(file.content)) as image:
        assert is_marked(image.info)
        said = json.loads(image.info["medloom"])
        assert np.array_equal(np.asarray(image), made)
    assert {key: said[key] for key in FACTS} == FACTS
    assert said["enlarged_by"]["version"] == 5
    assert WATERMARK_FACT not in said


def test_with_keys_it_is_signed_and_watermarked_anew(project: Project) -> None:
    keys = make_keys(project)
    signed = Marker(keys).encode("png", PIXELS, FACTS)
    given = GivenFile.read("a.png", signed, SIDE)
    made = PIXELS.repeat(4, 0).repeat(4, 1)
    file = given.enlarged(larger(project), made, Marker(keys))
    assert file.facts[WATERMARK_FACT] == keys.watermark_id
    again = GivenFile.read("a.png", signed, SIDE)
    assert again.facts == FACTS


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"no image", "is no PNG file; give one of 32 x 32 px"),
        (plain_png(Image.fromarray(PIXELS), "JPEG"), "is no PNG file"),
        (plain_png(Image.fromarray(PIXELS)), "does not say that it is synthetic"),
        (png_bytes(PIXELS[:16], FACTS), "has 32 x 16 px; this version is given 32 x 32 px"),
        (png_bytes(PIXELS, FACTS)[:-40], "cannot be decoded|does not say"),
        (png_bytes(PIXELS.astype(np.uint16), FACTS), "give 8 bits of grey"),
        (png_bytes(PIXELS, FACTS | {"enlarged_by": {}}), "was enlarged before"),
        (png_bytes(PIXELS, FACTS | {"mask_of": "a.png"}), "is a mask"),
    ],
)
def test_any_other_file_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(BadInputError, match=says):
        GivenFile.read("scan.png", data, SIDE)


def test_a_file_with_a_broken_signature_is_refused(project: Project) -> None:
    signed = Marker(make_keys(project)).encode("png", PIXELS, FACTS)
    with Image.open(io.BytesIO(signed)) as image:
        other = png_bytes(255 - np.asarray(image), FACTS)
    at, of = signed.index(b"IDAT") - 4, other.index(b"IDAT") - 4
    ends = [data.index(b"IEND") - 4 for data in (signed, other)]
    with pytest.raises(BadInputError, match="has a mark that is broken"):
        GivenFile.read("scan.png", signed[:at] + other[of : ends[1]] + signed[ends[0] :], SIDE)
