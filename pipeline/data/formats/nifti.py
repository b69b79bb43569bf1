"""NIfTI volumes (.nii, and .nii.gz after inflating) by nibabel: slices along one axis.

The header's free text (description, auxiliary file, database name) is never read: some converters
write the patient into it. A volume is one scan of one person, so its slices share a group.

NIfTI does not say what was measured. A volume that looks like CT in Hounsfield units (`hounsfield`)
gets CT's window; any other is windowed between two percentiles of the whole volume. A label map is
refused as a whole. A header without any orientation gives no view: slices are cut along the axes as
they are stored, as if these went to the left, the front and the head.
"""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import replace
from math import inf
from typing import Any

import numpy as np
from nibabel import Nifti1Image, Nifti2Image
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform
from numpy.typing import NDArray

from pipeline.data.config import IngestConfig
from pipeline.data.formats.decoded import Decoded
from pipeline.data.formats.hounsfield import looks_like_ct
from pipeline.data.formats.labels import holds_labels, holds_whole_numbers
from pipeline.data.formats.window import Window
from pipeline.data.refusal import Refused

_VIEWS = ("sagittal", "coronal", "axial")
# Axes to the patient's left, back and head, as in DICOM, so that slices are oriented.
_LPS = axcodes2ornt(("L", "P", "S"))
_LABELS = (1002, 1003)  # intents: label, neuroname
_STRAIGHT = 0.9
_SAME_MM = 0.05  # by which affines of one space may differ


def decode(data: bytes, config: IngestConfig) -> Iterator[Decoded | Refused]:
    """The slices of a volume along `ingest.slice_axis`; see `formats.decode`."""
    volume, zooms, view = _read(data, config)
    axis = _VIEWS.index(config.slice_axis)
    window = _window(volume, config)
    series = hashlib.sha256(data).hexdigest()
    for number in _slice_numbers(volume.shape[axis], config):
        plane = _to_image(np.take(volume, number, axis), axis)
        rows, columns = _plane_zooms(zooms, axis)
        yield Decoded(
            window.apply(plane),
            modality="CT" if window.unit else "",
            view=view or config.slice_axis,
            spacing=(rows, columns) if 0 < min(rows, columns) < inf else None,
            window=window.words,
            series=series,
        )


def planes_of_numbers(
    data: bytes, of: bytes, config: IngestConfig
) -> list[NDArray[np.uint16]] | None:
    """The planes of a label map of a volume, cut and oriented as `decode` does the volume.

    Args:
        data: of the label map.
        of: of the volume.
        config: as for `decode`.

    Returns:
        Numbers [H, W] of each slice; None where the two have other sizes or places in space.

    Raises:
        Refused: the label map cannot be read, or holds other than few whole numbers.
    """
    one, two = _space(data), _space(of)
    if one[0] != two[0] or one[2] != two[2] or not np.allclose(one[1], two[1], atol=_SAME_MM):
        return None
    volume, _, _ = _read(data, config, labels=True)
    axis = _VIEWS.index(config.slice_axis)
    numbers = _slice_numbers(volume.shape[axis], config)
    return [_to_image(np.take(volume, n, axis), axis).astype(np.uint16) for n in numbers]


def _space(data: bytes) -> tuple[tuple[int, ...], NDArray[np.float64], bool]:
    """Voxels along the axes, the affine, and whether the header gives an orientation."""
    try:
        header = _kind(data).header_class.from_fileobj(io.BytesIO(data), check=False)
        shape = (*(int(size) for size in header.get_data_shape()), 1)[:3]
        affine = np.asarray(header.get_best_affine(), np.float64)
        return shape, affine, bool(header["sform_code"] or header["qform_code"])
    except Exception as error:
        raise _corrupt(error) from error


def _kind(data: bytes) -> Any:
    """Nibabel's class for a file's bytes."""
    return Nifti2Image if data[4:8] == b"n+2\x00" else Nifti1Image


def _read(
    data: bytes, config: IngestConfig, *, labels: bool = False
) -> tuple[NDArray[np.float32], tuple[float, ...], str]:
    """The volume [L, P, S] as float32, its voxel sizes in mm, and its view.

    The view is "" where the axes are those of the patient; else oblique or unknown. With `labels` a
    label map is wanted, else it is refused.
    """
    kind = _kind(data)
    try:
        header = kind.header_class.from_fileobj(io.BytesIO(data), check=False)
        shape = tuple(int(size) for size in header.get_data_shape())
        dtype, intent = header.get_data_dtype(), int(header["intent_code"])
        oriented = bool(header["sform_code"] or header["qform_code"])
    except Exception as error:
        raise _corrupt(error) from error
    if dtype.kind not in "iuf":
        raise Refused(
            "unsupported-depth",
            f"voxels of {'colour' if dtype.names else dtype.name}; allowed are whole and "
            "floating-point numbers",
        )
    solid = tuple(size for size in shape[3:] if size != 1)
    if solid or len(shape) < 2:
        raise Refused(
            "unsupported-format",
            f"a NIfTI of {len(shape)} axes {'x'.join(map(str, shape))}; allowed are 2 and 3",
        )
    shape = (*shape[:3], 1)[:3]
    if min(shape) < 1 or shape[0] * shape[1] * shape[2] * 4 > config.max_bytes:
        raise Refused(
            "too-large",
            f"the volume has {'x'.join(map(str, shape))} voxels; allowed are "
            f"{config.max_bytes // 4} (ingest.max_bytes / 4)",
        )
    try:
        image = kind.from_bytes(data)
        volume = np.asarray(image.dataobj, dtype=np.float32).reshape(shape)
        affine = np.asarray(image.affine, dtype=np.float64)
    except Refused:
        raise
    except Exception as error:
        if "got" in str(error) and "bytes" in str(error):
            detail = "the file ends before its volume does; copy it again, whole"
            raise Refused("truncated", detail) from error
        raise _corrupt(error) from error
    if labels and not holds_whole_numbers(volume):
        raise Refused("corrupt", "the volume is no label map: it holds other than whole numbers")
    if not labels and (intent in _LABELS or holds_labels(volume)):
        raise Refused(
            "label-map",
            "the volume is a label map (few whole numbers, or regions of one number each), no scan",
        )
    if not oriented:
        zooms = (*(float(zoom) for zoom in header.get_zooms()[:3]), 0.0, 0.0)[:3]
        return np.flip(volume, 1), zooms, "unknown"
    return _reorient(volume, affine)


def _reorient(
    volume: NDArray[np.float32], affine: NDArray[np.float64]
) -> tuple[NDArray[np.float32], tuple[float, ...], str]:
    """The volume with axes to the left, the back and the head, as `_read` returns it."""
    zooms = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    try:
        turn = ornt_transform(io_orientation(affine), _LPS)
        known = np.isfinite(zooms).all() and zooms.min() > 0
    except ValueError:  # two axes of the volume have one direction in space
        known = False
    if not known:
        raise Refused("corrupt", "the header's affine gives no directions in space")
    for axis, flip in enumerate(turn[:, 1]):
        if flip < 0:
            volume = np.flip(volume, axis)
    order = np.argsort(turn[:, 0])
    straight = np.abs(affine[:3, :3] / zooms).max(axis=0).min() >= _STRAIGHT
    turned = tuple(float(zoom) for zoom in zooms[order])
    return np.transpose(volume, order), turned, "" if straight else "oblique"


def _to_image(plane: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """A plane of the two remaining axes, as rows and columns of an image.

    L and P (axial): rows to the back, columns to the left. L or P, and S: rows to the feet.
    """
    return plane.T if axis == 2 else plane.T[::-1]


def _plane_zooms(zooms: tuple[float, ...], axis: int) -> tuple[float, float]:
    across, along = (zoom for number, zoom in enumerate(zooms) if number != axis)
    return along, across


def _window(volume: NDArray[np.float32], config: IngestConfig) -> Window:
    finite = volume[np.isfinite(volume)]
    if not finite.size:
        raise Refused("corrupt", "no voxel is a number")
    if not looks_like_ct(finite):
        return Window.from_percentiles(finite)
    shown = config.windows.get("CT")
    if isinstance(shown, tuple):
        return Window.preset(shown, "HU")
    return replace(Window.from_percentiles(finite), unit="HU")


def _slice_numbers(count: int, config: IngestConfig) -> range:
    first = int(count * config.slice_from)
    last = max(first + 1, round(count * config.slice_to))
    return range(first, min(last, count), config.slice_step)


def _corrupt(error: Exception) -> Refused:
    return Refused(
        "corrupt", f"the content begins as NIfTI and cannot be read ({type(error).__name__})"
    )
