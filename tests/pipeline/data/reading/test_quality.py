import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.data.config import IngestConfig
from pipeline.data.formats.canonical import shrink
from pipeline.data.reading import quality
from pipeline.data.reading.quality import check_burnt_in, check_quality
from pipeline.data.reading.text_reader import Reading
from pipeline.data.refusal import Refused
from tests.support.lettering import INKS, calipers, lettered, radiograph, ultrasound
from tests.support.pictures import picture

CONFIG = IngestConfig()
BLACK = np.zeros((48, 48), np.uint8)


@pytest.mark.parametrize(
    ("pixels", "reason", "said"),
    [
        (np.zeros((1, 1), np.uint8), "too-small", "1x1 pixels; the shortest side must be >= 32"),
        (picture(0, 31), "too-small", "31x31"),
        (np.tile(picture(0, 32), (1, 5)), "too-long", "160x32 pixels"),
        (BLACK, "all-black", "every pixel is 0"),
        (BLACK + 7, "constant", "every pixel is 7"),
        (BLACK + np.eye(48, dtype=np.uint8), "low-contrast", "0 to 1 with standard deviation 0.14"),
    ],
)
def test_each_flaw_has_its_own_reason(pixels: np.ndarray, reason: str, said: str) -> None:
    with pytest.raises(Refused) as caught:
        check_quality(pixels, shrink(pixels), CONFIG)
    assert caught.value.reason == reason
    assert said in caught.value.detail


def test_good_images_pass_at_the_bounds() -> None:
    for pixels in (
        picture(0, 32),
        np.tile(picture(0, 32), (4, 1)),
        picture(0).astype(np.uint16) * 16,
    ):
        check_quality(pixels, shrink(pixels), CONFIG)


@given(
    arrays(
        st.sampled_from([np.uint8, np.uint16]), st.tuples(st.integers(1, 80), st.integers(1, 80))
    )
)
def test_boxes_spread_at_most_twice_as_much_as_pixels(pixels: np.ndarray) -> None:
    assert shrink(pixels).std() <= 2 * pixels.std() + 0.01


def refusal(
    pixels: np.ndarray, config: IngestConfig = CONFIG, *, modality: str = "", captured: bool = False
) -> Refused | None:
    """Why an image is set aside for what is burnt into it, or None."""
    try:
        check_burnt_in(pixels, config, modality=modality, captured=captured)
    except Refused as refused:
        return refused
    return None


SHORT = lettered(ultrasound(7), "LT9", 12, ink="bright on dark", seed=7)
LABEL = lettered(radiograph(7), "RT C", 16, ink="dark on bright", seed=7)


@pytest.mark.parametrize("modality", ["", "CT", "US"])
def test_short_text_is_read_on_any_modality(modality: str) -> None:
    refused = refusal(SHORT, modality=modality)
    assert refused
    assert "text is read in a place" in refused.detail
    assert "raise ingest.burnt_in_confidence" in refused.detail
    assert "LT9" not in refused.detail
    assert refused.reason == "burnt-in"


def test_the_whole_image_is_read_where_text_is_common() -> None:
    """Strokes are bright: dark letters on a label are found by reading alone."""
    unknown = CONFIG.model_copy(update={"burnt_in_read": ("unknown",)})
    assert refusal(LABEL, modality="DX")
    assert refusal(LABEL, modality="CT", captured=True)
    assert refusal(LABEL, unknown)
    assert not refusal(LABEL)
    assert not refusal(LABEL, modality="CT")
    assert not refusal(LABEL, unknown, modality="CT")


def test_what_was_read_is_told_by_number_confidence_and_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    readings = [
        Reading(0.97, 8, 12, 5, 80, 20),
        Reading(0.9, 3, 0, 0, 9, 9),
        Reading(0.99, 1, 0, 0, 9, 9),  # single letters are read into anatomy
        Reading(0.6, 9, 0, 0, 9, 9),
    ]
    monkeypatch.setattr(quality, "read_text", lambda pixels: readings)
    refused = refusal(picture(1, 128), modality="US")
    assert refused
    assert "in 2 places" in refused.detail
    assert "confidence 0.97) from column 12 to 80, row 5 to 20" in refused.detail


def test_crosses_have_a_detail_of_their_own() -> None:
    pixels = calipers(ultrasound(1))
    refused = refusal(pixels)
    assert refused
    assert "2 crosses are drawn into the image" in refused.detail
    assert not refusal(pixels, CONFIG.model_copy(update={"burnt_in_crosses": 3}))
    assert not refusal(pixels, CONFIG.model_copy(update={"burnt_in_crosses": 0}))


def test_each_key_turns_its_check_off(monkeypatch: pytest.MonkeyPatch) -> None:
    long = lettered(ultrasound(7), "12/03/2019", 16, ink=INKS[0])
    unread = CONFIG.model_copy(update={"burnt_in_confidence": 0.0})
    assert not refusal(SHORT, CONFIG.model_copy(update={"burnt_in_glyphs": 0}), modality="US")
    assert not refusal(SHORT, CONFIG.model_copy(update={"burnt_in_confidence": 1.0}))
    monkeypatch.setattr(quality, "read_text", None)
    monkeypatch.setattr(quality, "read_places", None)
    assert not refusal(SHORT, unread, modality="US")
    assert "letter-like shapes in a row" in str(refusal(long, unread))


@pytest.mark.parametrize("wrong", ["us", "ultrasound ", "", "Unknown"])
def test_modalities_that_are_read_are_words_of_dicom(wrong: str) -> None:
    with pytest.raises(ValueError, match="is no modality; allowed are"):
        IngestConfig(burnt_in_read=("US", wrong))
    assert IngestConfig(burnt_in_read=("US", "unknown")).burnt_in_read == ("US", "unknown")
