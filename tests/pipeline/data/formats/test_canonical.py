import hashlib
import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data.formats import Pixels
from pipeline.data.formats.canonical import (
    THUMBNAILS_FILE,
    encode_png,
    read_thumbnails,
    shrink,
    thumbnail,
    write_thumbnails,
)


def scatter(height: int, width: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint32]]:
    """Numbers [H, W] of 32 bits without any order, by whole-number arithmetic alone."""
    value = np.arange(height * width, dtype=np.uint32).reshape(height, width) + np.uint32(1)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B), (16, 1)):
        value = (value ^ (value >> np.uint32(shift))) * np.uint32(factor)
    return value


def slice_like(height: int, width: int, bits: int) -> Pixels:
    """Air around a body of smooth tissue with noise: runs, short steps and a few long ones."""
    y, x = np.mgrid[:height, :width].astype(np.int64)
    away = ((2 * x - width) * 9 // width) ** 2 + ((2 * y - height) * 9 // height) ** 2
    top = 2 ** min(bits, 12) - 1
    tissue = top // 3 + (x * 5 + y * 3) * top // (16 * (width + height))
    noise = (scatter(height, width) >> np.uint32(29)).astype(np.int64) * (top // 255)
    body = np.where(away < 60, np.clip(tissue + noise, 0, top), 0)
    return body.astype(np.uint8) if bits == 8 else body.astype(np.uint16)


IMAGES: dict[str, Pixels] = {
    "one pixel": np.array([[200]], np.uint8),
    "one deep pixel": np.array([[51966]], np.uint16),
    "a row": (np.arange(70_001, dtype=np.uint32) * 7 % 251).astype(np.uint8)[None, :],
    "a column": (np.arange(3_001, dtype=np.uint32) * 7919 % 65521).astype(np.uint16)[:, None],
    "black": np.zeros((611, 407), np.uint8),
    "white and deep": np.full((300, 517), 65535, np.uint16),
    "runs of every length": np.repeat(
        np.arange(1, 700) % 2 * 255, np.arange(1, 700) % 523 + 1
    ).astype(np.uint8)[None, :],
    "noise": (scatter(131, 257) >> np.uint32(24)).astype(np.uint8),
    "deep noise": (scatter(257, 131) >> np.uint32(16)).astype(np.uint16),
    "a slice": slice_like(512, 512, 8),
    "a deep slice": slice_like(509, 487, 16),
    "a small slice": slice_like(65, 63, 8),
}
# Another version of zlib-ng may be taken when these still hold. If they do not, every image that
# is stored from then on has another file than a machine with the version before would write.
STORED = {
    "one pixel": "d2931484c60b7a47983709a8c29ea93c0a13c3ff0722696ba3006e2466691388",
    "one deep pixel": "6fdd228ece2f241a4d81a5d9bd5f0ad65b8b15ed202c22bfc0de23aa98acd4ee",
    "a row": "48597101f4da41e8f337aa714a6723dc269bd333895c71fd11b07e8c1f6bc63c",
    "a column": "afee8abf7f85e84640d06c4ca6c5006cb674cdccf7659cb1313837e5ec958c91",
    "black": "424d2bed64fa943feb86868104d8d90a591929c88b93cc3ac43df2b6b2f3e522",
    "white and deep": "004a2f97192043ebc744a3dc218de93dfa0413b1eaa55bec66626c2dee492808",
    "runs of every length": "f2d90d2532ef0359c38bc0438e5617ae640065cf097e85ea4fa240c953b5481f",
    "noise": "46bfb54cc46eaf749b48514f879625dd982f29607d59144b986f7ee0c8d85ccd",
    "deep noise": "6b7dd19f55d18eaab1e89406a8c569884594304d4a91643b4444ca9360a2b18b",
    "a slice": "1c7a1eaee7ee2a88ba4cfae6136a08124827f456e70990fb9885bab872e075ff",
    "a deep slice": "12b5b997a9ada6cfca4a8b0e81aaeae0f18371f20cbe47997f27f7fde6bb30c1",
    "a small slice": "d6d8747e77c652a09a0b7d00f3de6e3194060a424c03150077f50eb2aa458ada",
    "thumbnails": "f5c67ffae59863aa21d804d14bf2778e0d0edc935661e9172691f22fada75bef",
}


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_has_the_same_file_on_every_machine(name: str) -> None:
    stored = encode_png(IMAGES[name])
    assert hashlib.sha256(stored).hexdigest() == STORED[name]


@pytest.mark.parametrize("name", IMAGES)
def test_a_stored_file_holds_the_pixels_and_nothing_else(name: str) -> None:
    pixels = IMAGES[name]
    stored = encode_png(pixels)
    with Image.open(io.BytesIO(stored)) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)
        assert not image.info
    size = int.from_bytes(stored[33:37], "big")
    assert stored[12:16] + stored[37:41] + stored[-8:-4] == b"IHDRIDATIEND"
    lines = np.frombuffer(zlib.decompress(stored[41 : 41 + size]), np.uint8)
    assert set(lines.reshape(len(pixels), -1)[:, 0]) == {1}  # one filter, Sub, on every line


def test_how_pixels_lie_in_memory_does_not_matter() -> None:
    deep = slice_like(40, 50, 16).astype(np.uint16)
    turned = np.asfortranarray(deep)
    assert encode_png(deep) == encode_png(deep.astype(">u2")) == encode_png(turned)


def test_thumbnails_have_the_same_file_on_every_machine(tmp_path: Path) -> None:
    batch = tmp_path / "data/raw/b0001"
    batch.mkdir(parents=True)
    slices = [slice_like(97 + side, 101, bits) for side, bits in ((0, 8), (30, 16), (60, 8))]
    small = {hashlib.sha256(one.data).hexdigest(): thumbnail(shrink(one)) for one in slices}
    write_thumbnails(batch, small)
    written = (batch / THUMBNAILS_FILE).read_bytes()
    assert hashlib.sha256(written).hexdigest() == STORED["thumbnails"]
    read = read_thumbnails(tmp_path, ["b0001"])
    assert read.keys() == small.keys()
    assert all((read[id_] == small[id_]).all() for id_ in small)


def test_thumbnails_of_earlier_versions_are_read(tmp_path: Path) -> None:
    batch = tmp_path / "data/raw/b0001"
    batch.mkdir(parents=True)
    small = thumbnail(shrink(IMAGES["a slice"]))
    np.savez_compressed(batch / THUMBNAILS_FILE, ids=np.array(["f" * 64]), thumbnails=small[None])
    (read,) = read_thumbnails(tmp_path, ["b0001"]).values()
    np.testing.assert_array_equal(read, small)
