"""One archive of generated images."""

import hashlib
import io
import json
from zipfile import ZipFile

from pipeline.synthetic.zip_file import MANIFEST_FILE, ZipMember, zip_bytes

MEMBERS = [ZipMember("a.png", b"one", {"index": 0}), ZipMember("findings.coco.json", b"{}")]


def test_the_list_names_each_file_with_its_hash() -> None:
    with ZipFile(io.BytesIO(zip_bytes(MEMBERS, {"model": "m", "seed": 7}))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [MANIFEST_FILE, "a.png", "findings.coco.json"]
        assert archive.read("a.png") == b"one"
        manifest = json.loads(archive.read(MANIFEST_FILE))
    assert (manifest["synthetic"], manifest["SyntheticData"]) == (True, "YES")
    assert (manifest["model"], manifest["seed"]) == ("m", 7)
    assert manifest["files"] == [
        {"name": "a.png", "sha256": hashlib.sha256(b"one").hexdigest(), "index": 0},
        {"name": "findings.coco.json", "sha256": hashlib.sha256(b"{}").hexdigest()},
    ]


def test_equal_files_give_equal_bytes() -> None:
    assert zip_bytes(MEMBERS, {"seed": 7}) == zip_bytes(MEMBERS, {"seed": 7})
    assert zip_bytes(MEMBERS, {"seed": 7}) != zip_bytes(MEMBERS, {"seed": 8})
