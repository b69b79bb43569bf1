"""DICOM: accepted files, grey levels and orientation, and no names in the state."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydantic import ValidationError
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian

from pipeline.base.project import Project
from pipeline.data.config import IngestConfig, Shown
from pipeline.data.formats import Decoded, decode, dicom
from pipeline.data.manifest import read_manifest
from pipeline.data.refusal import Refused
from pipeline.flow import steps
from tests.support.dicoms import (
    SECRET,
    ct_values,
    planted,
    slice_of,
    to_bytes,
    with_preamble,
)
from tests.support.pictures import IngestedFolder, fill, picture, put

CONFIG = IngestConfig()
ANY = IngestConfig(modalities=("CT", "CR", "DX", "MR", "US", "OT", "RTDOSE", "SC"))


def one(dataset: Dataset, config: IngestConfig = CONFIG) -> Decoded:
    (decoded,) = decode(to_bytes(dataset), config)
    assert isinstance(decoded, Decoded)
    return decoded


def reason(dataset: Dataset) -> str:
    with pytest.raises(Refused) as caught:
        list(decode(to_bytes(dataset), CONFIG))
    return caught.value.reason


def test_ct_is_shown_through_the_preset_window() -> None:
    grey = picture(1)
    decoded = one(slice_of(ct_values(grey)))
    assert decoded.pixels.dtype == np.uint8
    assert np.abs(decoded.pixels.astype(int) - grey).max() <= 1
    assert (decoded.modality, decoded.view, decoded.spacing) == ("CT", "axial", (0.7, 0.8))
    assert decoded.window == "-160..240 HU"
    beyond = np.array([[-3000, 5000]] * 2, np.int16) + 1024
    np.testing.assert_array_equal(one(slice_of(beyond)).pixels, [[0, 255]] * 2)


def test_monochrome1_is_inverted() -> None:
    grey = picture(2)
    turned = one(slice_of(ct_values(255 - grey), PhotometricInterpretation="MONOCHROME1"))
    assert np.abs(turned.pixels.astype(int) - grey).max() <= 1


def test_other_modalities_are_shown_as_the_file_says() -> None:
    values = (picture(3).astype(np.uint16) * 4) + 100
    plain: dict[str, Any] = {"RescaleSlope": None, "RescaleIntercept": None, "Modality": "MR"}
    window = one(slice_of(values, WindowCenter=[610.5, 1], WindowWidth=[1021, 1], **plain))
    assert np.abs(window.pixels.astype(int) - picture(3)).max() <= 1
    stretched = one(slice_of(values, **plain))
    assert (stretched.pixels.min(), stretched.pixels.max()) == (0, 255)
    assert "HU" not in stretched.window
    eight = one(slice_of(picture(4), **plain | {"Modality": "US"}))
    np.testing.assert_array_equal(eight.pixels, picture(4))
    table = Dataset()
    table.LUTDescriptor = [2048, 0, 8]
    table.add_new(0x00283006, "US", [min(255, n // 8) for n in range(2048)])
    by_table = one(slice_of(values, VOILUTSequence=Sequence([table]), **plain))
    np.testing.assert_array_equal(by_table.pixels, values // 8)


def test_windows_can_be_set_per_modality() -> None:
    values = (picture(3).astype(np.uint16) * 4) + 100
    facts: dict[str, Any] = {"RescaleSlope": None, "RescaleIntercept": None, "Modality": "MR"}
    facts |= {"WindowCenter": 5000, "WindowWidth": 10}  # as the technician left it: all black
    assert one(slice_of(values, **facts)).pixels.max() == 0

    def shown(how: Shown, dataset: Dataset) -> Decoded:
        config = CONFIG.model_copy(update={"windows": {"MR": how, "CT": how}})
        (decoded,) = decode(to_bytes(dataset), config)
        assert isinstance(decoded, Decoded)
        return decoded

    stretched = shown("percentiles", slice_of(values, **facts))
    assert (stretched.pixels.min(), stretched.pixels.max()) == (0, 255)
    fixed = shown((610.0, 1020.0), slice_of(values, **facts))
    assert np.abs(fixed.pixels.astype(int) - picture(3)).max() <= 1
    assert fixed.window == "100..1120"
    bone = shown((500.0, 2000.0), slice_of(ct_values(picture(1))))
    assert bone.window == "-500..1500 HU"
    by_file = shown("file", slice_of(ct_values(picture(1)), WindowCenter=40.5, WindowWidth=401))
    assert np.abs(by_file.pixels.astype(int) - picture(1)).max() <= 1


def test_windows_must_be_of_modalities_and_others_keep_defaults() -> None:
    config = IngestConfig(windows={"MR": "percentiles"})
    assert config.windows["CT"] == (40.0, 400.0)
    assert IngestConfig(modalities=("CT", "PT"), windows={"PT": (5.0, 10.0)}).windows["PT"]
    cases: list[tuple[dict[str, Shown], str]] = [
        ({"ct": (40.0, 400.0)}, "ct is not an ingested modality"),
        ({"CT": (40.0, 0.0)}, "width above 0"),
        ({"CT": (float("nan"), 400.0)}, "finite number"),
        ({"CT": (40.0, float("inf"))}, "finite number"),
    ]
    for wrong, said in cases:
        with pytest.raises(ValidationError, match=said):
            IngestConfig(windows=wrong)


def test_padding_does_not_decide_the_window() -> None:
    values = picture(5).astype(np.int16) + 200
    values[:20] = -2000
    plain: dict[str, Any] = {"RescaleSlope": None, "RescaleIntercept": None, "Modality": "MR"}
    decoded = one(slice_of(values, PixelPaddingValue=-2000, **plain))
    assert (decoded.pixels[:20] == 0).all()
    assert decoded.pixels[20:].std() > 30


def test_overlays_hidden_in_high_bits_are_cut_off() -> None:
    values = ct_values(picture(6))
    marked = values | (np.indices(values.shape).sum(0) % 2 << 13).astype(np.uint16)
    dataset = slice_of(marked, BitsStored=12, HighBit=11)
    (undeclared,) = decode(to_bytes(dataset), CONFIG)
    assert isinstance(undeclared, Refused)
    assert undeclared.reason == "unsupported-depth"
    assert "declares 12 bits" in undeclared.detail
    dataset.add_new(0x60000100, "US", 16)
    dataset.add_new(0x60000102, "US", 13)
    assert np.abs(one(dataset).pixels.astype(int) - picture(6)).max() <= 1


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        ((1, 0, 0, 0, 1, 0), lambda a: a),
        ((-1, 0, 0, 0, 1, 0), lambda a: a[:, ::-1]),
        ((-1, 0, 0, 0, -1, 0), lambda a: a[::-1, ::-1]),  # prone
        ((0, 1, 0, 1, 0, 0), lambda a: a.T),
        ((0.97, 0.24, 0, -0.24, 0.97, 0), lambda a: a),
    ],
)
def test_all_patient_positions_are_oriented_alike(orientation: Any, turn: Any) -> None:
    grey = picture(7)
    decoded = one(slice_of(ct_values(turn(grey)), ImageOrientationPatient=list(orientation)))
    assert decoded.view == "axial"
    assert np.abs(decoded.pixels.astype(int) - grey).max() <= 1


@pytest.mark.parametrize(
    ("orientation", "view"),
    [
        ((1, 0, 0, 0, 0, -1), "coronal"),
        ((0, 1, 0, 0, 0, -1), "sagittal"),
        ((0.7071, 0.7071, 0, 0, 0, -1), "oblique"),
        ((1, 0, 0, 0, 0.906, -0.423), "axial"),  # a tilted gantry
        ((1, 0, 0, 1, 0, 0), "unknown"),
    ],
)
def test_the_view_follows_from_the_orientation(orientation: Any, view: str) -> None:
    assert (
        one(slice_of(ct_values(picture(8)), ImageOrientationPatient=list(orientation))).view == view
    )


def test_frames_have_their_own_numbers() -> None:
    frames = np.stack([ct_values(picture(n)) for n in (10, 11, 12)])
    dataset = slice_of(frames, RescaleSlope=None, RescaleIntercept=None,
                       ImageOrientationPatient=None, PixelSpacing=None)  # fmt: skip
    shared, slope, measures = Dataset(), Dataset(), Dataset()
    slope.RescaleSlope, slope.RescaleIntercept, slope.RescaleType = 1, -1024, "HU"
    measures.PixelSpacing = [0.5, 0.5]
    shared.PixelValueTransformationSequence = Sequence([slope])
    shared.PixelMeasuresSequence = Sequence([measures])
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    per_frame = []
    for orientation in ((1, 0, 0, 0, 1, 0), (1, 0, 0, 0, 0, -1), (0, 1, 0, 0, 0, -1)):
        plane, own = Dataset(), Dataset()
        plane.ImageOrientationPatient = list(orientation)
        own.PlaneOrientationSequence = Sequence([plane])
        per_frame.append(own)
    dataset.PerFrameFunctionalGroupsSequence = Sequence(per_frame)
    decoded = [d for d in decode(to_bytes(dataset), CONFIG) if isinstance(d, Decoded)]
    assert [d.view for d in decoded] == ["axial", "coronal", "sagittal"]
    assert {d.spacing for d in decoded} == {(0.5, 0.5)}
    for number, d in zip((10, 11, 12), decoded, strict=True):
        assert np.abs(d.pixels.astype(int) - picture(number)).max() <= 1


_FULL: dict[str, Any] = {
    "WindowCenter": 40, "WindowWidth": 400, "RescaleType": "HU", "PixelPaddingValue": 0,
    "VOILUTFunction": "LINEAR", "ImageType": ["ORIGINAL", "PRIMARY"], "PatientID": "A",
    "IssuerOfPatientID": "B", "BurnedInAnnotation": "NO", "SyntheticData": "NO",
    "NumberOfFrames": 1, "ImagerPixelSpacing": [1, 1], "PixelPaddingRangeLimit": 0,
}  # fmt: skip
_NEEDED = ("Modality", "Rows", "Columns", "BitsAllocated", "PixelData", "SamplesPerPixel",
           "PhotometricInterpretation", "PixelRepresentation")  # fmt: skip


_UNWRITABLE = {"", "BitsAllocated", "OverlayBitPosition"}  # empty, by pydicom


@pytest.mark.parametrize(
    "keyword", sorted({keyword_for_tag(tag) for tag in dicom._READ} - _UNWRITABLE)
)
def test_an_empty_attribute_is_a_missing_one(keyword: str) -> None:
    grey = picture(1)
    dataset = slice_of(ct_values(grey), **_FULL)
    dataset.add(DataElement(keyword, dictionary_VR(keyword).split(" ")[0], None))
    found: list[Decoded | Refused] = []
    try:
        found += decode(to_bytes(dataset), CONFIG)
    except Refused:
        assert keyword in _NEEDED
        return
    (decoded,) = found
    assert isinstance(decoded, Decoded)
    # An intercept of 0 is taken where there is air; this slice has none.
    if keyword != "RescaleIntercept":
        assert np.abs(decoded.pixels.astype(int) - grey).max() <= 1


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ({"SyntheticData": "YES"}, "synthetic"),
        ({"BurnedInAnnotation": "YES"}, "burnt-in"),
        ({"Modality": "SEG"}, "wrong-modality"),
        ({"Modality": f"{SECRET}"}, "wrong-modality"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "localizer"),
        ({"PixelData": None}, "no-pixels"),
        ({"Rows": 60000, "Columns": 60000}, "too-many-pixels"),
        ({"Rows": 0}, "corrupt"),
        ({"Rows": 300}, "truncated"),
    ],
)
def test_files_that_are_no_images_to_learn_from_are_refused(attributes: Any, why: str) -> None:
    dataset = slice_of(ct_values(picture(9)), **attributes)
    assert reason(dataset) == why
    with pytest.raises(Refused) as caught:
        list(decode(to_bytes(dataset), CONFIG))
    assert SECRET not in caught.value.detail


def test_a_deflated_bomb_is_not_inflated() -> None:
    dataset = slice_of(ct_values(picture(9)), ImageComments="0" * 4_000_000)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data = to_bytes(dataset)
    assert len(data) < 100_000
    with pytest.raises(Refused, match="too-large"):
        list(decode(data, IngestConfig(max_bytes=1_000_000)))
    assert len(list(decode(data, CONFIG))) == 1


# -- patients --------------------------------------------------------------------------------------


def put_series(folder: Path, base: int, count: int = 3, **attributes: Any) -> None:
    for number in range(count):
        values = ct_values(picture(base + number))
        put(folder / f"{base}-{number}.dcm", to_bytes(slice_of(values, **attributes)))


def test_two_exports_of_one_patient_join_one_group(tmp_path: Path) -> None:
    project = IngestedFolder(tmp_path, IngestConfig(allow_missing=True))
    put_series(project.landing / "cyst" / "first", 100, PatientID=" hx 1093 ")
    put_series(
        project.landing / "cyst" / "second", 200, PatientID="HX 1093", StudyInstanceUID="1.2"
    )
    put_series(project.landing / "cyst" / "other", 300, PatientID="HX 1094")
    put_series(project.landing / "cyst" / "there", 400, PatientID="HX 1093", IssuerOfPatientID="B")
    project.ingest()
    rows = read_manifest(project.workspace)
    sizes = sorted(sum(row.group == group for row in rows) for group in {r.group for r in rows})
    assert sizes == [3, 3, 6]
    assert all(row.group.startswith("patient-") for row in rows)
    assert {(row.view, row.modality, row.spacing, row.window) for row in rows} == {
        ("axial", "CT", "0.7x0.8", "-160..240 HU")
    }


def test_a_study_without_a_patient_is_one_group_of_its_pixels(tmp_path: Path) -> None:
    project = IngestedFolder(tmp_path, IngestConfig(allow_missing=True))
    put_series(project.landing / "cyst", 100, PatientID="ANONYMOUS", StudyInstanceUID="1.2")
    put_series(project.landing / "cyst", 200, PatientID="Anonymous", StudyInstanceUID="1.3")
    project.ingest()
    rows = read_manifest(project.workspace)
    assert len({row.group for row in rows}) == 2
    assert all(row.group.startswith("pixels-") for row in rows)


def test_no_planted_name_reaches_the_state(
    project: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    fill(project.landing)
    for number in range(50):
        folder = project.landing / "cyst" / SECRET
        data = to_bytes(planted(picture(1000 + number), number))
        put(folder / f"{SECRET}-{number}.dcm", with_preamble(data))
    put(project.landing / "cyst" / f"{SECRET}-bad.dcm", b"\0" * 128 + b"DICM" + SECRET.encode() * 9)
    put(project.landing / f"{SECRET}-loose.dcm", data)
    report = steps.ingest(project)
    assert (report.new, report.quarantined) == (12 + 50, 2)
    needles = [SECRET.encode(), SECRET.lower().encode(), SECRET.encode("utf-16-le"), b"15470929"]
    for file in project.state.rglob("*"):
        assert SECRET not in file.name
        if file.is_file():
            content = file.read_bytes()
            assert not any(needle in content for needle in needles), file
    said = capfd.readouterr()
    assert SECRET not in said.out + said.err + repr(report)


# -- files of vendors ------------------------------------------------------------------------------


def outcome(file: Path, config: IngestConfig = ANY) -> str:
    """Number of images in a file, or why it is refused."""
    try:
        found = list(decode(file.read_bytes(), config))
    except Refused as refused:
        return refused.reason
    reasons = {d.reason for d in found if isinstance(d, Refused)}
    return reasons.pop() if reasons else str(len(found))


OF_PYDICOM = {
    "1": """693_J2KI CT_small ExplVR_BigEnd J2K_pixelrep_mismatch MR_small MR_small_RLE
        MR_small_bigendian MR_small_expb MR_small_implicit MR_small_jp2klossless
        MR_small_jpeg_ls_lossless MR_small_padded SC_rgb_dcmtk_+eb+cr SC_rgb_dcmtk_+eb+cy+n1
        SC_rgb_dcmtk_+eb+cy+n2 SC_rgb_dcmtk_+eb+cy+np SC_rgb_dcmtk_+eb+cy+s2 SC_rgb_dcmtk_+eb+cy+s4
        SC_rgb_gdcm_KY SC_rgb_jpeg SC_rgb_jpeg_dcmd SC_rgb_jpeg_dcmtk SC_rgb_jpeg_gdcm
        SC_rgb_jpeg_lossy_gdcm SC_rgb_rle SC_rgb_small_odd SC_rgb_small_odd_big_endian
        SC_rgb_small_odd_jpeg SC_ybr_full_422_uncompressed examples_jpeg2k examples_overlay
        examples_palette examples_rgb_color image_dfl rtdose_1frame rtdose_expb_1frame
        rtdose_rle_1frame""",
    "2": "SC_rgb_rle_2frame",
    "15": "rtdose rtdose_expb rtdose_rle",
    "30": "examples_ybr_color",
    "unsupported-depth": """SC_rgb_rle_16bit SC_rgb_rle_16bit_2frame SC_rgb_rle_32bit
        SC_rgb_rle_32bit_2frame""",
    # NM, SEG, ES and others, or none stated
    "wrong-modality": """GDCMJ2K_TextGBR JPEG-lossy JPEG2000-embedded-sequence-delimiter JPEG2000
        JPEGLSNearLossless_08 JPEGLSNearLossless_16 JPGExtended SC_jpeg_no_color_transform
        SC_jpeg_no_color_transform_2 SC_rgb_jls_lossy_line SC_rgb_jls_lossy_sample
        SC_rgb_jpeg_app14_dcmd liver_1frame liver_expb_1frame meta_missing_tsyntax
        nested_priv_SQ""",
    "no-pixels": """ExplVR_BigEndNoMeta ExplVR_LitEndNoMeta UN_sequence empty_charset_LEI
        no_meta_group_length priv_SQ reportsi reportsi_with_empty_number_tags rtplan
        rtplan_truncated rtstruct test-SR waveform_ecg""",
    "truncated": "MR_truncated",
    "corrupt": "badVR",  # its number of frames is "1A"
    "not-an-image": "no_meta",  # it begins with a blank
}


def test_every_file_of_pydicom_is_accepted_or_refused_correctly() -> None:
    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    files = sorted(folder.glob("*.dcm"))
    found = {file.stem: outcome(file) for file in files}
    expected = {name: why for why, names in OF_PYDICOM.items() for name in names.split()}
    assert found == expected
    no_modality_is_refused = IngestConfig(modalities=("OT",))
    assert outcome(folder / "CT_small.dcm", no_modality_is_refused) == "wrong-modality"
