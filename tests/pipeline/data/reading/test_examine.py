"""Files whose pixels show text: refused with their id, released by a person, never passed over."""

from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import SecondaryCaptureImageStorage

from pipeline.base.errors import BadInputError
from pipeline.data.config import IngestConfig
from pipeline.data.formats.canonical import image_id
from pipeline.data.landing.zone import scan
from pipeline.data.reading import text_reader
from pipeline.data.reading.examine import Examiner
from pipeline.data.reading.readers import examine_all
from pipeline.data.reading.results import Image
from pipeline.data.refusal import RELEASABLE, Refused
from tests.support.dicoms import slice_of, to_bytes
from tests.support.lettering import lettered, radiograph, ultrasound
from tests.support.pictures import NAMES, Grey, encode, put

CLEAN = ultrasound(3)
SHORT = lettered(CLEAN, "RT C", 12, ink="dark on bright", seed=2)
"""Text that only reading finds: dark on a label."""


def ultrasound_file(pixels: Grey, **attributes: object) -> bytes:
    given = {"Modality": "US", "RescaleIntercept": None, "RescaleSlope": None, **attributes}
    return to_bytes(slice_of(pixels, **given))


def results(
    folder: Path, config: IngestConfig | None = None, released: tuple[str, ...] = ()
) -> dict[str, Image | Refused]:
    store = folder / "store"
    store.mkdir(exist_ok=True)
    landing = folder / "landing"
    examiner = Examiner(
        landing, config or IngestConfig(), NAMES, store, released=frozenset(released)
    )
    looks = examine_all(examiner, scan(landing)[0], workers=0)
    return {
        look.found.path: look.result for look in looks if isinstance(look.result, (Image, Refused))
    }


def test_text_on_an_ultrasound_is_refused_and_can_be_released(tmp_path: Path) -> None:
    put(tmp_path / "landing" / "cyst" / "text.dcm", ultrasound_file(SHORT))
    put(tmp_path / "landing" / "cyst" / "clean.dcm", ultrasound_file(CLEAN))
    found = results(tmp_path)
    refused = found["cyst/text.dcm"]
    assert isinstance(refused, Refused)
    assert refused.reason == "burnt-in"
    assert refused.reason in RELEASABLE
    assert refused.image_id == image_id(SHORT)
    assert "RT C" not in refused.detail
    assert isinstance(found["cyst/clean.dcm"], Image)
    released = results(tmp_path, released=(refused.image_id,))["cyst/text.dcm"]
    assert isinstance(released, Image)
    assert released.id == refused.image_id


def test_captured_and_coloured_images_are_read_whatever_their_modality(tmp_path: Path) -> None:
    label = lettered(radiograph(4, 384), "LT9", 16, ink="dark on bright", seed=4)
    plain = {"WindowCenter": 128, "WindowWidth": 256, "Modality": "MR"}
    captured = {"SOPClassUID": SecondaryCaptureImageStorage}
    coloured = np.stack([label] * 3, axis=-1)
    files = {
        "mr": slice_of(label, RescaleIntercept=0, **plain),
        "captured": slice_of(label, RescaleIntercept=0, **plain, **captured),
        "coloured": slice_of(
            coloured,
            Rows=384,
            Columns=384,
            NumberOfFrames=None,
            SamplesPerPixel=3,
            PlanarConfiguration=0,
            PhotometricInterpretation="RGB",
            **plain,
        ),
    }
    for name, dataset in files.items():
        put(tmp_path / "landing" / "cyst" / f"{name}.dcm", to_bytes(dataset))
    put(tmp_path / "landing" / "cyst" / "png.png", encode(label))
    refused = {path for path, result in results(tmp_path).items() if isinstance(result, Refused)}
    assert refused == {"cyst/captured.dcm", "cyst/coloured.dcm"}
    unknown = IngestConfig(burnt_in_read=("unknown",))
    assert isinstance(results(tmp_path, unknown)["cyst/png.png"], Refused)


def test_without_the_networks_ingest_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "landing" / "cyst" / "clean.dcm", ultrasound_file(CLEAN))
    text_reader._networks.cache_clear()
    monkeypatch.setattr(text_reader, "find_spec", lambda name: None)
    with pytest.raises(BadInputError, match="rapidocr"):
        results(tmp_path)
    unread = IngestConfig(burnt_in_confidence=0.0)
    assert isinstance(results(tmp_path, unread)["cyst/clean.dcm"], Image)
