"""Text is read whatever its size, place and ink; what it says is not kept; failures are told."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipeline.base.errors import BadInputError
from pipeline.data.config import IngestConfig
from pipeline.data.reading import text_reader
from pipeline.data.reading.burnt_in import Place, find_strokes
from pipeline.data.reading.text_reader import Reading, read_places, read_text
from pipeline.data.refusal import Refused
from tests.support.lettering import FONTS, INKS, Ink, lettered, place_of, radiograph, ultrasound
from tests.support.pictures import Grey, picture

LEAST = IngestConfig().burnt_in_confidence


@pytest.fixture
def fresh() -> Iterator[None]:
    """Networks that are loaded anew, in the test and after it."""
    text_reader._networks.cache_clear()
    yield
    text_reader._networks.cache_clear()


def sure(readings: list[Reading]) -> list[Reading]:
    return [one for one in readings if one.confidence >= LEAST and one.letters > 1]


def covers(one: Reading, truth: tuple[int, int, int, int]) -> bool:
    """Whether most of the true place is inside the one that was told."""
    left, top, right, bottom = truth
    across = max(0, min(one.right, right) - max(one.left, left))
    along = max(0, min(one.bottom, bottom) - max(one.top, top))
    return across * along >= 0.6 * (right - left) * (bottom - top)


@pytest.mark.parametrize(
    ("text", "size", "ink"),
    [
        ("LT9", 12, INKS[0]),
        ("RT C", 16, INKS[1]),
        ("rt axilla", 10, INKS[2]),
        ("12/03/2019", 20, INKS[1]),
        ("LT LOQ", 24, INKS[2]),
    ],
)
@pytest.mark.parametrize("scene", [ultrasound, radiograph])
def test_text_is_read_where_it_is(scene: Any, text: str, size: int, ink: Ink) -> None:
    number = size % len(FONTS)
    pixels = lettered(scene(size), text, size, ink=ink, font=FONTS[number], seed=size)
    truth = place_of(pixels, text, size, font=FONTS[number], seed=size, ink=ink)
    found = sure(read_text(pixels))
    assert any(covers(one, truth) for one in found)
    assert sum(one.letters for one in found) == sum(one.isalnum() for one in text)


def test_pictures_without_text_have_none() -> None:
    assert not sure(read_text(ultrasound(5)))
    assert not sure(read_text(radiograph(5)))
    assert not sure(read_text(picture(5, 128)))


def test_sixteen_bits_read_the_same() -> None:
    pixels = lettered(ultrasound(1), "LT9", 16, ink="bright on dark")
    (one,) = sure(read_text(pixels))
    (other,) = sure(read_text(pixels.astype(np.uint16) * 16))
    assert (one.letters, one.left, one.top) == (other.letters, other.left, other.top)
    assert one.confidence == pytest.approx(other.confidence, abs=0.02)


@pytest.mark.parametrize("quarters", [1, -1])
def test_text_along_the_side_is_read(quarters: int) -> None:
    pixels = lettered(ultrasound(2), "12/03/2019", 16, ink="bright on dark")
    (one,) = sure(read_text(np.ascontiguousarray(np.rot90(pixels, quarters))))
    assert one.bottom - one.top > 3 * (one.right - one.left)


def test_places_are_read_alone() -> None:
    pixels = lettered(ultrasound(3), "LT9", 10, ink="bright on dark", seed=3)
    truth = place_of(pixels, "LT9", 10, ink="bright on dark", seed=3)
    (one,) = sure(read_places(pixels, find_strokes(pixels).places))
    assert covers(one, truth)
    assert read_places(pixels, [Place(10, 10, 40, 20, 10.0)]) == []


def test_many_places_are_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Grey] = []

    def note(pixels: Grey, letter: float = 0.0) -> list[Reading]:
        read.append(pixels)
        return []

    monkeypatch.setattr(text_reader, "read_text", note)
    read_places(picture(0, 128), [Place(10, 10, 40, 20, 10.0)] * 9)
    assert [part.shape for part in read] == [(128, 128)]


def test_one_thread_and_one_load() -> None:
    networks = text_reader._networks()
    assert networks is text_reader._networks()
    for session in (networks.finder, networks.reader):
        options = session.get_session_options()
        assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)


def test_nothing_is_loaded_before_it_is_needed() -> None:
    """Nor are OpenCV and what fetches models, when it is."""
    code = (
        "import sys, numpy as np\n"
        "from pipeline.data.config import IngestConfig\n"
        "from pipeline.data.reading.quality import check_burnt_in\n"
        "soft = (np.hypot(*np.mgrid[:64, :64]) * 2).astype(np.uint8)\n"
        "names = ('onnxruntime', 'cv2', 'rapidocr', 'requests')\n"
        "for modality in ('CT', 'US'):\n"
        "    check_burnt_in(soft, IngestConfig(), modality=modality, captured=False)\n"
        "    print([name for name in names if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "['onnxruntime']"]


def test_a_missing_package_is_told(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_reader, "find_spec", lambda name: None)
    with pytest.raises(
        BadInputError, match=r"rapidocr.*not installed.*make install.*confidence: 0"
    ):
        read_text(picture(0))


def test_another_model_is_told(
    fresh: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(text_reader, "find_spec", lambda name: spec)
    with pytest.raises(BadInputError, match="FileNotFoundError"):
        read_text(picture(0))
    for name in text_reader._MODELS:
        (models / name).write_bytes(b"another model")
    with pytest.raises(BadInputError, match="another model than was tested"):
        read_text(picture(0))


def test_an_image_on_which_the_networks_fail_is_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a name that was read")

    monkeypatch.setattr(text_reader, "_run", fail)
    with pytest.raises(Refused) as caught:
        read_text(picture(0))
    assert caught.value.reason == "burnt-in"
    assert "RuntimeError" in caught.value.detail
    assert "a name" not in caught.value.detail
