"""Generated images as DICOM: what they say, and that the same request gives the same bytes."""

import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from pipeline.base.errors import BadInputError
from pipeline.synthetic.dicom import dicom_bytes

FACTS: dict[str, Any] = {
    "model": "medloom-kidney", "version": 3, "weights_sha256": "ab" * 32, "label": "cyst",
    "seed": 7, "index": 2, "asked": {"findings": 2},
}  # fmt: skip


def image(height: int = 64, width: int = 64) -> "np.ndarray[Any, np.dtype[np.uint8]]":
    return np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)


def read(data: bytes) -> Dataset:
    return pydicom.dcmread(io.BytesIO(data))


@pytest.mark.parametrize("shape", [(64, 64), (5, 3)])
def test_the_pixels_are_those_that_were_drawn(shape: tuple[int, int]) -> None:
    dataset = read(dicom_bytes(image(*shape), FACTS))
    assert np.array_equal(dataset.pixel_array, image(*shape))
    assert (dataset.PhotometricInterpretation, dataset.BitsStored) == ("MONOCHROME2", 8)
    assert (dataset.WindowCenter, dataset.WindowWidth) == (128, 256)


def test_it_says_that_no_patient_was_imaged_and_what_drew_it() -> None:
    dataset = read(dicom_bytes(image(), FACTS))
    said = {
        "SyntheticData": "YES", "ImageType": ["DERIVED", "SECONDARY"], "ConversionType": "SYN",
        "Modality": "OT", "BurnedInAnnotation": "NO", "PatientIdentityRemoved": "YES",
        "ImageLaterality": "U", "PatientID": "SYNTHETIC", "InstanceNumber": 3,
    }  # fmt: skip
    assert {name: dataset[name].value for name in said} == said
    assert "no patient was imaged" in dataset.DerivationDescription
    equipment = dataset.ContributingEquipmentSequence[0]
    assert equipment.DeviceSerialNumber == FACTS["weights_sha256"]
    assert equipment.PurposeOfReferenceCodeSequence[0].CodeMeaning == "Synthesizing Equipment"
    assert json.loads(bytes(dataset.ImageComments, "utf-8")) == FACTS
    for absent in ("PixelSpacing", "FrameOfReferenceUID", "ImageOrientationPatient"):
        assert absent not in dataset


def test_the_same_request_gives_the_same_bytes_and_no_clock_is_written() -> None:
    data = dicom_bytes(image(), FACTS)
    assert data == dicom_bytes(image(), dict(FACTS))
    dated = [one for one in read(data).iterall() if one.VR in ("DA", "TM", "DT") and one.value]
    assert dated == []


def test_identifiers_tell_images_series_and_versions_apart() -> None:
    def uids(**other: Any) -> tuple[str, str, str]:
        dataset = read(dicom_bytes(image(), FACTS | other))
        found = (dataset.SOPInstanceUID, dataset.SeriesInstanceUID, dataset.StudyInstanceUID)
        assert all(uid.startswith("2.25.") and uid.is_valid for uid in found)
        return found

    first, other_index, other_seed = uids(), uids(index=3), uids(seed=8)
    other_layout, other_version = uids(asked={"findings": 3}), uids(version=4)
    assert (first[0] != other_index[0], first[1:]) == (True, other_index[1:])
    for other in (other_seed, other_layout):
        assert first[0] != other[0]
        assert first[1] != other[1]
        assert first[2] == other[2]
    assert not set(first) & set(other_version)


def test_facts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(BadInputError, match="a DICOM file holds 10240"):
        dicom_bytes(image(), FACTS | {"layouts_sha256": ["ab" * 32] * 200})


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
def test_it_is_valid_by_dciodvfy(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(dicom_bytes(image(), FACTS))
    said = subprocess.run(
        ["dciodvfy", str(tmp_path / "a.dcm")], capture_output=True, text=True, check=False
    )
    lines = (said.stderr + said.stdout).splitlines()
    # Releases before 2023 do not know Synthetic Data.
    assert not [one for one in lines if "Error" in one and "(0x0008,0x001c)" not in one]
    assert "SCImage" in said.stderr + said.stdout
