import contextlib
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from pipeline.data.config import IngestConfig
from pipeline.data.formats import Decoded
from pipeline.data.formats import decode as decode_all
from pipeline.data.formats.canonical import image_id
from pipeline.data.refusal import Refused
from pipeline.synthetic.png import SYNTHETIC_MARK, is_marked
from tests.support.pictures import encode, picture
from tests.support.tiffs import tiff

LIMIT = 1_000_000
GREY = picture(1)
DEEP = GREY.astype(np.uint16) * 257 + 3


def decode(data: bytes, limit: int) -> Decoded:
    (one,) = decode_all(data, IngestConfig(max_pixels=limit))
    assert isinstance(one, Decoded)
    return one


def refused(data: bytes, limit: int = LIMIT) -> Refused:
    with pytest.raises(Refused) as caught:
        decode(data, limit)
    return caught.value


def png_chunk(kind: bytes, body: bytes) -> bytes:
    crc = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + crc


def raw_png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = png_chunk(b"IHDR", head) + png_chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + body + png_chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_the_container_and_its_metadata_do_not_change_identity(kind: str, mode: str) -> None:
    extra = {"dpi": (300, 300)}
    pixels = decode(encode(GREY, kind, mode, **extra), LIMIT).pixels
    assert pixels.dtype == np.uint8
    assert image_id(pixels) == image_id(GREY)


def test_identity_depends_on_dtype_shape_and_pixels() -> None:
    wide = GREY.reshape(24, 96)
    changed = GREY.copy()
    changed[5, 5] ^= 1
    ids = {image_id(GREY), image_id(GREY.astype(np.uint16)), image_id(wide), image_id(changed)}
    assert len(ids) == 4
    assert image_id(DEEP) == image_id(DEEP.astype(">u2"))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_stay_sixteen_bits(kind: str) -> None:
    pixels = decode(encode(DEEP, kind), LIMIT).pixels
    assert pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels, DEEP)


def test_big_endian_tiff_comes_out_native() -> None:
    stream = io.BytesIO()
    Image.frombuffer("I;16B", GREY.shape, DEEP.astype(">u2").tobytes()).save(stream, "TIFF")
    pixels = decode(stream.getvalue(), LIMIT).pixels
    assert pixels.dtype.isnative
    np.testing.assert_array_equal(pixels, DEEP)


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_whole_numbers_in_32_bits_are_sixteen_bits(dtype: type) -> None:
    pixels = decode(encode(DEEP.astype(dtype), "TIFF"), LIMIT).pixels
    assert image_id(pixels) == image_id(DEEP)


@pytest.mark.parametrize("bad", [-1000.0, 0.5, 70000.0, np.nan])
def test_floats_of_unknown_scale_are_refused(bad: float) -> None:
    values = GREY.astype(np.float32)
    values[0, 0] = bad
    assert refused(encode(values, "TIFF")).reason == "unsupported-depth"


def test_transparency_is_composited_over_black() -> None:
    alpha = np.zeros_like(GREY)
    alpha[:, :24] = 255
    layered = np.dstack([GREY, GREY, GREY, alpha])
    pixels = decode(encode(layered), LIMIT).pixels
    np.testing.assert_array_equal(pixels[:, :24], GREY[:, :24])
    assert pixels[:, 24:].max() == 0


def test_palette_and_one_bit() -> None:
    one_bit = decode(encode(GREY, mode="1"), LIMIT).pixels
    assert set(np.unique(one_bit)) == {0, 255}
    assert decode(encode(GREY, mode="P"), LIMIT).pixels.shape == GREY.shape


@pytest.mark.parametrize("keep_rgb", [False, True])
def test_grey_of_a_colour_jpeg_is_its_luma(keep_rgb: bool) -> None:
    rng = np.random.default_rng(0)
    colours = Image.fromarray(rng.integers(60, 200, (8, 8, 3), dtype=np.uint8)).resize((64, 64))
    stream = io.BytesIO()
    colours.save(stream, "JPEG", quality=95, keep_rgb=keep_rgb)
    luma = np.asarray(colours, dtype=np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    decoded = decode(stream.getvalue(), LIMIT).pixels
    assert decoded.shape == (64, 64)
    assert np.abs(decoded - luma).max() < 8
    assert np.abs(decoded - luma).mean() < 1.5


def test_cmyk_jpeg_is_upright_with_and_without_adobes_marker() -> None:
    ink = Image.fromarray(GREY).convert("RGB").convert("CMYK")
    stream = io.BytesIO()
    ink.save(stream, "JPEG", quality=100)
    adobe = stream.getvalue()
    stream = io.BytesIO()
    Image.eval(ink, lambda level: 255 - level).save(stream, "JPEG", quality=100)
    turned = stream.getvalue()  # Pillow inverts, as Adobe does: here ink is not inverted
    at = turned.index(b"\xff\xee")  # APP14, the marker
    size = struct.unpack(">H", turned[at + 2 : at + 4])[0]
    plain = turned[:at] + turned[at + 2 + size :]
    for data in (adobe, plain):
        error = decode(data, LIMIT).pixels.astype(int) - GREY
        assert np.abs(error).mean() < 2


def test_exif_orientation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # show it turned by 90 degrees clockwise
    pixels = decode(encode(GREY, exif=exif), LIMIT).pixels
    np.testing.assert_array_equal(pixels, np.rot90(GREY, -1))


@pytest.mark.parametrize(
    ("data", "reason", "said"),
    [
        (b"", "empty", "no bytes"),
        (b"patient,age\n1,70\n", "not-an-image", "text"),
        (b"BMI,age\n20,70\n", "not-an-image", "text"),
        (b"\x00\x01\x02" * 80, "not-an-image", "unknown data"),
        (encode(GREY, "JPEG")[:600], "truncated", "copy it again"),
        (encode(GREY, "PNG")[:600], "truncated", "copy it again"),
        (encode(GREY, "TIFF")[:600], "truncated", "copy it again"),
        (encode(GREY, "GIF"), "unsupported-format", "a GIF; allowed are PNG, JPEG, TIFF, BMP"),
        (
            encode(GREY, "GIF", save_all=True, append_images=[Image.fromarray(GREY.T)]),
            "unsupported-format",
            "an animated GIF; allowed are PNG, JPEG, TIFF, BMP",
        ),
        (encode(GREY, "WEBP"), "unsupported-format", "WebP"),
        (bytes(128) + b"DICM" + bytes(64), "no-pixels", "DICOM"),
        (
            encode(GREY, "WEBP", save_all=True, append_images=[Image.fromarray(GREY.T)]),
            "unsupported-format",
            "WebP",
        ),
        (
            encode(GREY, "PNG", save_all=True, append_images=[Image.fromarray(GREY.T)]),
            "multi-frame",
            "2 frames",
        ),
        (raw_png(8, 8, 16, 2, bytes(8 * 49)), "unsupported-depth", "more than 8 bits"),
        (raw_png(2000, 2000, 8, 0, b""), "too-many-pixels", "2000x2000"),
        (raw_png(100_000, 100_000, 8, 0, b""), "too-many-pixels", "allowed are 1000000"),
        (encode(GREY).replace(b"IDAT", b"IDAX"), "corrupt", "cannot be decoded"),
    ],
)
def test_each_bad_file_is_refused_for_its_own_reason(data: bytes, reason: str, said: str) -> None:
    error = refused(data)
    assert error.reason == reason
    assert said in error.detail


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_any_damage_is_a_refusal_and_never_another_error() -> None:
    rng = np.random.default_rng(0)
    whole = [encode(GREY, kind) for kind in ("PNG", "JPEG", "TIFF", "BMP", "GIF")]
    for data in whole * 20:
        damaged = bytearray(data)
        for at in rng.integers(0, len(damaged), 8):
            damaged[at] = rng.integers(256)
        with contextlib.suppress(Refused):
            assert isinstance(decode(bytes(damaged), LIMIT), Decoded)


def test_the_synthetic_mark_is_found_wherever_the_chunk_stands(tmp_path: Path) -> None:
    from PIL.PngImagePlugin import PngInfo

    mark = PngInfo()
    for key, value in SYNTHETIC_MARK.items():
        mark.add_text(key, value)
    marked = encode(GREY, pnginfo=mark)
    assert decode(marked, LIMIT).synthetic
    late = encode(GREY)[:-12] + png_chunk(b"tEXt", b"SyntheticData\0YES") + png_chunk(b"IEND", b"")
    assert decode(late, LIMIT).synthetic
    assert not decode(encode(GREY), LIMIT).synthetic
    assert not is_marked({"Software": "medloom"})  # the phantom is training data


def pages(count: int, **options: Any) -> bytes:
    """A TIFF of dissimilar pages."""
    first, *others = (Image.fromarray(picture(number)) for number in range(count))
    return encode(np.asarray(first), "TIFF", save_all=True, append_images=others, **options)


def all_of(data: bytes, config: IngestConfig) -> list[Decoded]:
    return [one for one in decode_all(data, config) if isinstance(one, Decoded)]


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate"])
def test_the_pages_of_a_tiff_are_images_of_one_scan(compression: str) -> None:
    found = all_of(pages(3, compression=compression), IngestConfig())
    assert [picture(number).tolist() for number in range(3)] == [f.pixels.tolist() for f in found]
    assert len({f.series for f in found}) == 1
    assert found[0].series
    assert all_of(pages(1), IngestConfig())[0].series == ""


def test_the_pages_of_a_tiff_are_bounded_in_number_and_in_sum() -> None:
    data = pages(4)
    size = picture(0).size
    assert len(all_of(data, IngestConfig(max_members=4, max_pixels=4 * size))) == 4
    with pytest.raises(Refused, match=r"over 3 pages.*ingest.max_members"):
        all_of(data, IngestConfig(max_members=3))
    with pytest.raises(Refused, match=r"too-many-pixels.* in 4 pages"):
        all_of(data, IngestConfig(max_pixels=4 * size - 1))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiles_beyond_all_bounds_are_not_unpacked(dtype: type) -> None:
    data = bytearray(tiff(GREY.astype(dtype), tile=(16, 16), compression="zlib"))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        tag = file.pages.first.tags["TileLength"]
        width = {3: "<H", 4: "<I"}[tag.dtype]
    struct.pack_into(width, data, tag.valueoffset, 65520 if width == "<H" else 16_777_200)
    with pytest.raises(Refused, match="too-many-pixels: the image has tiles"):
        all_of(bytes(data), IngestConfig(max_pixels=1_000_000))


def test_a_preview_in_a_tiff_is_no_page() -> None:
    small = Image.fromarray(picture(0)[::2, ::2])
    small.encoderinfo = {"tiffinfo": {254: 1}}
    stream = io.BytesIO()
    Image.fromarray(picture(0)).save(stream, "TIFF", save_all=True, append_images=[small])
    (only,) = all_of(stream.getvalue(), IngestConfig())
    np.testing.assert_array_equal(only.pixels, picture(0))


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_a_truncated_tiff_is_refused() -> None:
    data, pixels = pages(3), 2304
    end = data.rindex(picture(2).tobytes()) + pixels  # padding may follow
    for length in range(400, end, 61):
        with pytest.raises(Refused):
            all_of(data[:length], IngestConfig())
    assert len(all_of(data[:end], IngestConfig())) == 3


def test_a_tiff_with_a_cycle_of_pages_ends() -> None:
    data = bytearray(pages(2))
    order = "<" if data[:2] == b"II" else ">"
    offsets = [struct.unpack_from(f"{order}I", data, 4)[0]]
    for _ in range(2):
        entries = struct.unpack_from(f"{order}H", data, offsets[-1])[0]
        offsets.append(struct.unpack_from(f"{order}I", data, offsets[-1] + 2 + 12 * entries)[0])
    entries = struct.unpack_from(f"{order}H", data, offsets[1])[0]
    struct.pack_into(f"{order}I", data, offsets[1] + 2 + 12 * entries, offsets[0])
    assert len(all_of(bytes(data), IngestConfig())) <= 2
