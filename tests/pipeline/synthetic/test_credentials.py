"""C2PA manifests: what they say, whose they are, and what breaks them."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.base.project import Project
from pipeline.synthetic.credentials import read_credentials, sign_png
from pipeline.synthetic.keys import MarkKeys, make_keys
from pipeline.synthetic.png import is_marked, png_bytes

FACTS = {"model": "m", "version": 3, "label": "é", "seed": 7, "index": 1, "truncation": 0.7}
PIXELS = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
PNG = png_bytes(PIXELS, FACTS)


@pytest.fixture
def keys(project: Project) -> MarkKeys:
    return make_keys(project)


def test_pixels_and_text_stay_and_the_manifest_says_what_drew_them(keys: MarkKeys) -> None:
    signed = sign_png(PNG, FACTS, keys)
    with Image.open(io.BytesIO(signed)) as image:
        assert np.array_equal(np.asarray(image), PIXELS)
        assert is_marked(image.info)
    found = read_credentials(signed, keys.anchor)
    assert found is not None
    assert (found.synthetic, found.facts, found.state) == (True, FACTS, "trusted")
    assert (found.problems, found.signer) == ((), "medloom-tiny")
    assert len(signed) < len(PNG) + 5000  # no thumbnail


def test_who_signed_is_told_from_who_is_trusted(keys: MarkKeys, tmp_path: Path) -> None:
    other = make_keys(Project.load({"MEDLOOM_STATE": str(tmp_path / "state" / "other")}))
    signed = sign_png(PNG, FACTS, other)
    states = [read_credentials(signed, anchor) for anchor in (other.anchor, "")]
    assert [one.state for one in states if one] == ["trusted", "valid"]
    of_another = read_credentials(signed, keys.anchor)
    assert of_another is not None
    assert (of_another.synthetic, of_another.state) == (True, "valid")


def test_a_changed_file_is_told(keys: MarkKeys) -> None:
    signed = bytearray(sign_png(PNG, FACTS, keys))
    signed[signed.rindex(b"IDAT") + 50] ^= 1
    found = read_credentials(bytes(signed), keys.anchor)
    assert found is not None
    assert (found.synthetic, found.state) == (True, "invalid")
    assert "assertion.dataHash.mismatch" in found.problems


def test_files_without_a_manifest_or_a_whole_one_say_nothing(keys: MarkKeys) -> None:
    signed = sign_png(PNG, FACTS, keys)
    for data in (PNG, b"", b"c2pa", signed[:2500], b"c2pa" * 1000):
        assert read_credentials(data, keys.anchor) is None
