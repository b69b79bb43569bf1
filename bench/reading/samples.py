"""Generated valid files of every format that ingest reads."""

import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def samples(side: int = 64, seed: int = 0) -> dict[str, bytes]:
    """Name -> content of small files; depends only on side and seed."""
    rng = np.random.default_rng(seed)
    made = dict(_rasters(_soft(rng, side))) | dict(_dicoms(rng, side)) | dict(_volumes(rng, side))
    inner = {name: made[name] for name in ("grey.png", "explicit.dcm", "volume.nii")}
    return made | dict(_archives(inner))


def _soft(rng: np.random.Generator, side: int) -> NDArray[np.uint8]:
    coarse = Image.fromarray(rng.integers(0, 256, (6, 6), dtype=np.uint8))
    return np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC))


def _rasters(grey: NDArray[np.uint8]) -> Iterator[tuple[str, bytes]]:
    image = Image.fromarray(grey)
    deep = Image.fromarray(grey.astype(np.uint16) * 200)
    yield from (
        ("grey.png", _saved(image, "PNG")),
        ("deep.png", _saved(deep, "PNG")),
        ("palette.png", _saved(image.convert("P"), "PNG")),
        ("layered.png", _saved(image.convert("RGBA"), "PNG")),
        ("grey.jpg", _saved(image, "JPEG")),
        ("progressive.jpg", _saved(image.convert("RGB"), "JPEG", progressive=True)),
        ("ink.jpg", _saved(image.convert("CMYK"), "JPEG")),
        ("plain.tif", _saved(image, "TIFF")),
        ("lzw.tif", _saved(deep, "TIFF", compression="tiff_lzw")),
        ("jpeg.tif", _saved(image.convert("RGB"), "TIFF", compression="jpeg")),
        ("grey.bmp", _saved(image, "BMP")),
    )


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def _dicoms(rng: np.random.Generator, side: int) -> Iterator[tuple[str, bytes]]:
    from pydicom import uid
    from pydicom.dataset import Dataset, FileMetaDataset

    def made(frames: int, syntax: uid.UID) -> bytes:
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
        dataset.file_meta.MediaStorageSOPClassUID = uid.CTImageStorage
        dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
        dataset.SOPClassUID, dataset.SOPInstanceUID = uid.CTImageStorage, "1.2.3"
        dataset.Modality, dataset.PatientID = "CT", "fuzz"
        dataset.Rows = dataset.Columns = side
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated = dataset.BitsStored = 16
        dataset.HighBit, dataset.PixelRepresentation = 15, 0
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        if frames > 1:
            dataset.NumberOfFrames = frames
        values = [_soft(rng, side).astype(np.uint16) * 2 + 800 for _ in range(frames)]
        dataset.PixelData = np.stack(values).tobytes()
        if syntax.is_encapsulated:
            dataset.compress(syntax)
        else:
            dataset.file_meta.TransferSyntaxUID = syntax
        stream = io.BytesIO()
        dataset.save_as(stream, enforce_file_format=True)
        return stream.getvalue()

    yield from (
        ("explicit.dcm", made(1, uid.ExplicitVRLittleEndian)),
        ("implicit.dcm", made(1, uid.ImplicitVRLittleEndian)),
        ("deflated.dcm", made(1, uid.DeflatedExplicitVRLittleEndian)),
        ("frames.dcm", made(3, uid.ExplicitVRLittleEndian)),
        ("rle.dcm", made(2, uid.RLELossless)),
        ("jpeg-ls.dcm", made(1, uid.JPEGLSLossless)),
        ("jpeg-2000.dcm", made(1, uid.JPEG2000Lossless)),
    )


def _volumes(rng: np.random.Generator, side: int) -> Iterator[tuple[str, bytes]]:
    from nibabel import Nifti1Image

    volume = np.stack([_soft(rng, side) for _ in range(4)], axis=2).astype(np.int16)
    nifti = Nifti1Image(volume, np.diag([1.0, 1.0, 3.0, 1.0])).to_bytes()
    yield "volume.nii", nifti
    yield "volume.nii.gz", gzip.compress(nifti, mtime=0)
    stream = io.BytesIO()
    np.savez_compressed(stream, train_images=np.stack([_soft(rng, side) for _ in range(3)]))
    yield "stack.npz", stream.getvalue()


def _archives(files: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    yield "all.zip", stream.getvalue()
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    plain = stream.getvalue()
    yield "all.tar", plain
    yield "all.tar.gz", gzip.compress(plain, mtime=0)
    yield "all.tar.xz", lzma.compress(plain)
