"""Images that were generated are refused by each of their marks, which the refusal names."""

from pathlib import Path

from pipeline.base.project import Project
from pipeline.data.config import IngestConfig
from pipeline.synthetic.credentials import sign_png
from pipeline.synthetic.dicom import dicom_bytes
from pipeline.synthetic.keys import make_keys
from pipeline.synthetic.png import png_bytes
from pipeline.synthetic.watermark import embed
from tests.pipeline.synthetic.test_watermark import textured
from tests.support.pictures import IngestedFolder, encode, put

FACTS = {"model": "m", "version": 1, "weights_sha256": "0" * 64, "label": "stone", "seed": 1}


def test_each_mark_is_enough_and_is_named(project: Project, tmp_path: Path) -> None:
    keys = make_keys(project)
    other = make_keys(Project.load({"MEDLOOM_STATE": str(tmp_path / "state" / "other")}))
    landed = IngestedFolder(tmp_path, IngestConfig(allow_missing=True))
    files = {
        "text": png_bytes(textured(1), FACTS),
        "beside": encode(textured(2)),
        "manifest": sign_png(encode(textured(3)), FACTS, other),
        "watermark": encode(embed(textured(4), keys.watermark), "JPEG", quality=90),
        "dicom": dicom_bytes(textured(5), FACTS),
        "watermark of another": encode(embed(textured(6), other.watermark)),
        "none": encode(textured(7)),
    }
    for name, data in files.items():
        put(landed.landing / "stone" / name, data)
    put(landed.landing / "stone" / "beside.synthetic.json", b"{}")
    report = landed.ingest(watermark=keys.watermark, record=False)
    refused = {
        path.removeprefix("stone/"): (entry.reason, entry.detail)
        for path, entry in landed.by_path(report).items()
        if entry.outcome == "quarantined"
    }
    assert {name for name, (reason, _) in refused.items() if reason == "synthetic"} == {
        "text", "beside", "manifest", "watermark", "dicom",
    }  # fmt: skip
    for name, said in (
        ("text", "its text says SyntheticData YES"),
        ("beside", "the file beside it"),
        ("manifest", "its C2PA manifest says trainedAlgorithmicMedia"),
        ("watermark", "the watermark of this project's generated images"),
        ("dicom", "SyntheticData YES"),
    ):
        assert said in refused[name][1]


def test_without_a_key_a_watermark_is_not_looked_for(project: Project, tmp_path: Path) -> None:
    keys = make_keys(project)
    marked = encode(embed(textured(4), keys.watermark))
    for key, reasons in ((b"", {}), (keys.watermark, {"synthetic": 1})):
        folder = tmp_path / (key.hex()[:8] or "none")
        folder.mkdir()
        landed = IngestedFolder(folder, IngestConfig(allow_missing=True))
        put(landed.landing / "stone" / "a.png", marked)
        assert landed.ingest(watermark=key).reasons == reasons
