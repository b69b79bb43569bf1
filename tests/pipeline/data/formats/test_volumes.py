"""Files of many images without a DICOM header: NIfTI volumes and NPZ stacks."""

import gzip
import io
import zipfile
from typing import Any

import nibabel
import numpy as np
import pytest

from pipeline.data.config import IngestConfig
from pipeline.data.formats import Decoded, decode
from pipeline.data.manifest import read_manifest
from pipeline.data.refusal import Refused
from tests.support.dicoms import SECRET
from tests.support.pictures import IngestedFolder, picture, put

SHAPE = (10, 12, 14)  # to the left, to the back, to the head
MM = (0.5, 1.0, 2.0)


def body() -> np.ndarray:
    """HU of a volume [L, P, S] with a bright corner: right, front, feet."""
    volume = np.full(SHAPE, -1000.0, np.float32)
    volume[:3, :4, :5] = 240.0
    volume[3:] += 100
    return volume


def nifti(volume: np.ndarray, axes: str = "LPS", kind: Any = nibabel.Nifti1Image) -> bytes:
    """The volume [L, P, S] stored with other axis order and directions."""
    target = nibabel.orientations.axcodes2ornt(tuple(axes))
    start = nibabel.Nifti1Image(volume, np.diag([-MM[0], -MM[1], MM[2], 1.0]))
    own = nibabel.io_orientation(start.affine)
    turned = start.as_reoriented(nibabel.orientations.ornt_transform(own, target))
    image = kind(np.asarray(turned.dataobj), turned.affine)
    image.header["descrip"] = SECRET.encode()
    data: bytes = image.to_bytes()
    return data


def images(data: bytes, config: IngestConfig | None = None) -> list[Decoded]:
    found = list(decode(data, config or IngestConfig()))
    assert all(isinstance(one, Decoded) for one in found)
    return [one for one in found if isinstance(one, Decoded)]


@pytest.mark.parametrize("axes", ["LPS", "RAS", "SPL", "AIR"])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_slices_are_oriented_for_any_order_of_axes(axes: str, kind: Any) -> None:
    data = nifti(body(), axes, kind)
    axial = images(data)
    assert (len(axial), axial[0].pixels.shape) == (14, (12, 10))
    assert (axial[0].view, axial[0].spacing, axial[0].modality) == ("axial", (1.0, 0.5), "CT")
    bright = axial[0].pixels == 255
    assert bright[:4, :3].all()  # in front on top, the right side at the left edge
    assert bright.sum() == 12
    assert not (axial[-1].pixels == 255).any()
    coronal = images(data, IngestConfig(slice_axis="coronal"))
    assert (len(coronal), coronal[0].pixels.shape, coronal[0].spacing) == (12, (14, 10), (2.0, 0.5))
    assert (coronal[0].pixels == 255)[-5:, :3].all()  # the feet at the bottom
    sagittal = images(data, IngestConfig(slice_axis="sagittal"))
    assert (len(sagittal), sagittal[0].pixels.shape) == (10, (14, 12))
    assert (sagittal[0].pixels == 255)[-5:, :4].all()


def test_a_range_of_slices_can_be_selected() -> None:
    data = nifti(body())
    assert len(images(data, IngestConfig(slice_from=0.5))) == 7
    assert len(images(data, IngestConfig(slice_from=0.25, slice_to=0.75, slice_step=2))) == 4


def test_ct_can_be_stretched_too() -> None:
    decoded = images(nifti(body()), IngestConfig(windows={"CT": "percentiles"}))
    assert {one.modality for one in decoded} == {"CT"}
    assert decoded[0].window.endswith("HU")
    assert decoded[0].window != images(nifti(body()))[0].window


def test_a_volume_that_is_not_ct_is_stretched_as_a_whole() -> None:
    values = np.random.default_rng(0).uniform(0, 900, SHAPE).astype(np.float32)
    decoded = images(nifti(values))
    assert {one.window for one in decoded} == {decoded[0].window}
    assert "HU" not in decoded[0].window
    assert decoded[0].modality == ""


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (nifti(body())[:-500], "truncated"),
        (nifti(body())[:350], "truncated"),
    ],
)
def test_a_damaged_volume_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(Refused) as caught:
        images(data)
    assert caught.value.reason == why


@pytest.mark.parametrize("number", [0.0, 3.0, 1e12, -1e30, 3e38])
def test_a_volume_of_one_number_is_flat(number: float) -> None:
    decoded = images(nifti(np.full(SHAPE, number, np.float32)))
    assert len(decoded) == SHAPE[2]
    assert all(len(np.unique(one.pixels)) == 1 for one in decoded)


def test_a_volume_larger_than_allowed_is_not_read() -> None:
    with pytest.raises(Refused, match="too-large"):
        images(nifti(body()), IngestConfig(max_bytes=2048))


def test_slices_share_a_group_and_free_text_is_dropped(project: IngestedFolder) -> None:
    rng = np.random.default_rng(1)
    for number in range(2):
        volume = np.stack([picture(10 * number + k).T for k in range(6)], axis=2) + 200.0
        volume += rng.normal(0, 1, volume.shape)
        put(
            project.landing / "cyst" / f"{number}.nii.gz",
            gzip.compress(nifti(volume.astype(np.float32))),
        )
    report = project.ingest()
    rows = read_manifest(project.workspace)
    assert (report.files, report.seen, report.new) == (2, 12, 12)
    assert len({row.group for row in rows}) == 2
    assert len({(row.group, row.split) for row in rows}) == 2
    for file in project.workspace.rglob("*"):
        assert file.is_dir() or SECRET.encode() not in file.read_bytes()
    again = project.ingest()
    assert (again.read, again.seen, again.new) == (0, 12, 0)
    project.index.file.unlink()
    again = project.ingest()
    assert (again.read, again.seen, again.ingested, again.new) == (2, 12, 12, 0)


@pytest.fixture
def project(tmp_path: Any) -> IngestedFolder:
    return IngestedFolder(tmp_path, IngestConfig(allow_missing=True))


# -- NPZ -------------------------------------------------------------------------------------------


def npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def test_npz_of_medmnist_uses_the_classes_of_params(project: IngestedFolder) -> None:
    pictures = np.stack([picture(n) for n in range(6)])
    data = npz(
        train_images=pictures[:4],
        train_labels=np.array([[0], [1], [0], [1]], np.uint8),
        test_images=np.repeat(pictures[4:, :, :, None], 3, axis=3),
        test_labels=np.array([[0], [1]], np.uint8),
    )
    put(project.landing / "kidney.npz", data)
    assert project.ingest().reasons == {"no-class": 6}
    config = IngestConfig(allow_missing=True, npz_classes=("cyst", "stone"))
    report = project.ingest(config=config)
    rows = read_manifest(project.workspace)
    assert (report.new, report.quarantined) == (6, 0)
    assert sorted(row.label for row in rows) == ["cyst"] * 3 + ["stone"] * 3
    few = IngestConfig(npz_classes=("cyst",))
    with pytest.raises(Refused, match="label 1"):
        list(decode(data, few))


@pytest.mark.parametrize("number", [2, -1, 2**40])
def test_npz_with_a_label_that_is_no_class_is_one_refused_file(
    number: int, project: IngestedFolder
) -> None:
    labels = np.array([0, number, 1])
    data = npz(train_images=np.stack([picture(n) for n in range(3)]), train_labels=labels)
    put(project.landing / "a.npz", data)
    put(project.landing / "stone" / "b.npz", data)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("cyst/c.npz", data)
    put(project.landing / "d.zip", stream.getvalue())
    config = IngestConfig(allow_missing=True, npz_classes=("cyst", "stone"))
    report = project.ingest(config=config)
    assert (report.new, report.reasons) == (0, {"unknown-class": 3})
    assert {f"label {number}" in entry.detail for entry in report.entries} == {True}


@pytest.mark.parametrize("shape", [(3, 28, 0), (3, 0, 28)])
def test_npz_of_images_without_pixels_is_refused(
    shape: tuple[int, ...], project: IngestedFolder
) -> None:
    put(project.landing / "stone" / "a.npz", npz(x_images=np.zeros(shape, np.uint8)))
    assert project.ingest().reasons == {"empty": 3}


def test_npz_in_a_class_folder_needs_no_labels(project: IngestedFolder) -> None:
    put(project.landing / "stone" / "a.npz", npz(x_images=np.stack([picture(1), picture(2)])))
    assert project.ingest().new == 2


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (npz(images=np.zeros((2, 48, 48), np.uint8)), "not-an-image"),
        (npz(a_images=np.zeros((2, 48, 48), np.float32)), "unsupported-depth"),
        (npz(a_images=np.zeros((2, 48, 48, 4), np.uint8)), "unsupported-format"),
        (npz(a_images=np.array([[[None]]], dtype=object)), "corrupt"),
        (npz(a_images=np.zeros((2, 48, 48), np.uint8))[:-40], "corrupt"),
    ],
)
def test_other_npz_files_are_refused(data: bytes, why: str) -> None:
    with pytest.raises(Refused) as caught:
        list(decode(data, IngestConfig()))
    assert caught.value.reason == why


def test_an_npz_bomb_is_not_unpacked() -> None:
    data = npz(a_images=np.zeros((4000, 100, 100), np.uint8))
    assert len(data) < 200_000
    with pytest.raises(Refused, match="too-large"):
        list(decode(data, IngestConfig(max_bytes=1_000_000)))
