"""DICOM files to ingest, with a name planted wherever one can hide."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    generate_uid,
)

SECRET = "Quixotepatient"  # letters only, so that it is the same bytes in every encoding
AXIAL = (1, 0, 0, 0, 1, 0)


def slice_of(pixels: NDArray[Any], **attributes: Any) -> Dataset:
    """A CT slice whose stored values are these, of HU after an intercept of -1024."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.Modality = "CT"
    dataset.StudyInstanceUID = generate_uid()
    dataset.SeriesInstanceUID = generate_uid()
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.itemsize
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
    dataset.ImageOrientationPatient = list(AXIAL)
    dataset.PixelSpacing = [0.7, 0.8]
    if pixels.ndim == 3:
        dataset.NumberOfFrames = len(pixels)
    dataset.PixelData = pixels.tobytes()
    for keyword, value in attributes.items():
        if value is None:
            del dataset[keyword]
        else:
            setattr(dataset, keyword, value)
    return dataset


def to_bytes(dataset: Dataset) -> bytes:
    """The file."""
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def ct_values(picture: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Stored values that the default window turns into this picture."""
    return np.round(picture / 255.0 * 400.0 - 160.0 + 1024.0).astype(np.uint16)


def planted(picture: NDArray[np.uint8], number: int) -> Dataset:
    """A slice with the secret in every kind of place and value; `number` varies which encoding."""
    dataset = slice_of(ct_values(picture), PatientID=f"{SECRET}-ID")
    dataset.PatientName = f"{SECRET}^Don"
    dataset.PatientBirthDate = "15470929"
    dataset.InstitutionName = f"{SECRET} hospital"
    dataset.InstitutionAddress = f"{SECRET} street"
    dataset.AccessionNumber = f"{SECRET[:15]}"
    dataset.StationName = SECRET
    dataset.PatientComments = f"{SECRET} " * 20
    dataset.StudyDescription = SECRET
    dataset.ProtocolName = SECRET
    dataset.ReferringPhysicianName = SECRET
    dataset.OperatorsName = [SECRET, SECRET]
    dataset.DeviceSerialNumber = SECRET
    dataset.ImageComments = SECRET
    dataset.PatientState = SECRET
    for group in (0x0009, 0x0029, 0x7FE1):  # private blocks
        block = dataset.private_block(group, SECRET, create=True)
        for offset, (vr, value) in enumerate(_values().items()):
            block.add_new(offset, vr, value)
    nested = Dataset()
    nested.PatientName = SECRET
    nested.private_block(0x0011, SECRET, create=True).add_new(1, "LO", SECRET)
    inner = Dataset()
    inner.TextValue = SECRET
    nested.ContentSequence = Sequence([inner])
    dataset.RequestAttributesSequence = Sequence([nested])
    dataset.SharedFunctionalGroupsSequence = Sequence([nested])
    dataset.add_new(0x60000010, "US", 8)
    dataset.add_new(0x60000011, "US", 8)
    dataset.add_new(0x60000022, "LO", SECRET)
    dataset.add_new(0x60003000, "OB", SECRET.encode() + b"\0" * (len(SECRET) % 2))
    dataset.add_new(0x50000022, "LO", SECRET)
    dataset.add_new(0xFFFCFFFC, "OB", SECRET.encode())  # trailing padding
    if number % 2:
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    return dataset


def _values() -> dict[str, Any]:
    """The secret as a value of every VR that can hold text or bytes."""
    data = SECRET.encode() + b"\0" * (len(SECRET) % 2)
    return {
        "AE": SECRET, "LO": SECRET, "LT": SECRET, "PN": SECRET, "SH": SECRET, "ST": SECRET,
        "UC": SECRET, "UR": SECRET, "UT": SECRET, "OB": data, "UN": data,
    }  # fmt: skip


def with_preamble(data: bytes) -> bytes:
    """The same file with the secret in the 128 bytes before it."""
    return SECRET.encode().ljust(128, b"\0") + data[128:]
