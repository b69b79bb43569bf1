"""Archives: members are read, and hostile archives are refused."""

import gzip
import hashlib
import io
import struct
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from pipeline.data.config import IngestConfig
from pipeline.data.formats.archives import members
from pipeline.data.formats.sniff import SNIFF_BYTES, sniff
from pipeline.data.landing.zone import scan
from pipeline.data.manifest import read_manifest
from pipeline.data.reading.examine import Examiner
from pipeline.data.reading.readers import examine_all
from pipeline.data.reading.results import Known, Look
from pipeline.data.refusal import Refused
from tests.pipeline.data.formats.test_volumes import SHAPE, nifti
from tests.support.dicoms import ct_values, slice_of, to_bytes
from tests.support.pictures import NAMES, IngestedFolder, encode, picture, put

Files = dict[str, bytes]


def zipped(files: Files | Iterable[tuple[str | zipfile.ZipInfo, bytes]]) -> bytes:
    stream = io.BytesIO()
    pairs = files.items() if isinstance(files, dict) else files
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in pairs:
            archive.writestr(name, content)
    return stream.getvalue()


def tarred(files: Files, mode: str = "w:gz") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def listed(data: bytes, config: IngestConfig | None = None) -> dict[str, str]:
    """Reason by path, "" for a member that is accepted."""
    kind = sniff(data[:SNIFF_BYTES])
    return {
        member.path: member.content.reason if isinstance(member.content, Refused) else ""
        for _, member in members(io.BytesIO(data), kind, config or IngestConfig())
    }


def refused(data: bytes, config: IngestConfig | None = None) -> str:
    with pytest.raises(Refused) as caught:
        listed(data, config)
    return caught.value.reason


@pytest.fixture
def project(tmp_path: Path) -> IngestedFolder:
    return IngestedFolder(tmp_path, IngestConfig(allow_missing=True))


def three() -> Files:
    return {
        "stone/a/1.png": encode(picture(1)),
        "cyst/2.dcm": to_bytes(slice_of(ct_values(picture(2)), PatientID="A")),
        "cyst/readme.txt": b"hello\n",
        "__MACOSX/cyst/._2.dcm": b"x",
        "cyst/.DS_Store": b"x",
    }


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_members_get_the_classes_of_their_folders(kind: str, project: IngestedFolder) -> None:
    mode = {"tar": "w", "tar.gz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz"}
    data = zipped(three()) if kind == "zip" else tarred(three(), mode[kind])
    put(project.landing / f"export.{kind}", data)
    before = (project.landing / f"export.{kind}").stat().st_mtime_ns
    report = project.ingest()
    assert (report.files, report.seen, report.new) == (1, 3, 2)
    assert report.reasons == {"not-an-image": 1}
    rows = read_manifest(project.workspace)
    assert sorted(row.label for row in rows) == ["cyst", "stone"]
    assert (project.landing / f"export.{kind}").stat().st_mtime_ns == before
    again = project.ingest()
    assert (again.read, again.seen, again.reasons) == (0, 3, report.reasons)


def test_an_archive_in_a_class_folder_has_that_class(project: IngestedFolder) -> None:
    put(project.landing / "stone" / "a.zip", zipped({"x/1.png": encode(picture(1))}))
    put(project.landing / "b.zip", zipped({"1.png": encode(picture(2))}))
    report = project.ingest()
    assert [row.label for row in read_manifest(project.workspace)] == ["stone"]
    assert report.reasons == {"no-class": 1}


def test_a_single_compressed_file_is_decompressed(project: IngestedFolder) -> None:
    data = gzip.compress(to_bytes(slice_of(ct_values(picture(3)))))
    put(project.landing / "cyst" / "a.dcm.gz", data)
    assert project.ingest().new == 1


def test_paths_that_leave_the_archive_links_and_devices_are_refused() -> None:
    link = zipfile.ZipInfo("cyst/link.png")
    link.external_attr = 0o120777 << 16
    data = zipped(
        [("../../etc/passwd", b"x"), ("/abs.png", b"x"), ("C:\\a.png", b"x"),
         ("a\\..\\..\\b", b"x"),         ("cyst/ok.png", b"x"), (link, b"/etc/passwd")]
    )  # fmt: skip
    found = listed(data)
    assert [why for path, why in found.items() if "ok" not in path and "link" not in path] == [
        "unsafe-path"
    ] * 4
    assert (found["cyst/ok.png"], found["cyst/link.png"]) == ("", "symlink")
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, kind in (("s", tarfile.SYMTYPE), ("h", tarfile.LNKTYPE), ("f", tarfile.FIFOTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        info = tarfile.TarInfo("../x.png")
        archive.addfile(info)
    assert listed(stream.getvalue()) == {
        "s": "symlink", "h": "symlink", "f": "special-file", "../x.png": "unsafe-path",
    }  # fmt: skip


def test_bombs_are_not_unpacked() -> None:
    zeros = b"\0" * 5_000_000
    config = IngestConfig(max_bytes=1_000_000, max_unpacked_bytes=20_000_000)
    assert listed(zipped({"a": zeros}), config) == {"a": "too-large"}
    many = {f"{n}": zeros[:900_000] for n in range(30)}
    assert refused(zipped(many), config) == "archive-bomb"
    assert refused(tarred(many), config) == "archive-bomb"
    assert listed(gzip.compress(b"\0" * 30_000_000), config) == {"": "too-large"}
    thousands = {f"{n}.txt": b"" for n in range(101)}
    assert refused(zipped(thousands), IngestConfig(max_members=100)) == "too-many-members"
    assert refused(tarred(thousands), IngestConfig(max_members=100)) == "too-many-members"


def test_damaged_and_locked_archives_are_refused_as_a_whole(project: IngestedFolder) -> None:
    good = {f"cyst/{n}.png": encode(picture(n)) for n in range(5)}
    assert refused(zipped(good)[:-30]) == "corrupt"
    assert refused(tarred(good)[:-200]) == "corrupt"
    broken = bytearray(zipped(good))
    broken[60] ^= 255
    assert refused(bytes(broken)) == "corrupt"
    locked = bytearray(zipped({"a.png": b"x"}))
    locked[6] |= 1
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    assert refused(bytes(locked)) == "encrypted"
    put(project.landing / "cut.tar.gz", tarred(good)[:-200])
    report = project.ingest()
    assert (report.seen, report.new, report.reasons) == (1, 0, {"corrupt": 1})


def test_archives_in_archives_and_empty_ones_are_refused(project: IngestedFolder) -> None:
    put(project.landing / "a.zip", zipped({"cyst/b.zip": zipped({"1.png": encode(picture(1))})}))
    put(project.landing / "none.zip", zipped({}))
    assert project.ingest().reasons == {"empty": 1, "nested-archive": 1}


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_readers_share_a_large_archive(
    kind: str, project: IngestedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"cyst/{number:02d}.png": encode(picture(number)) for number in range(21)}
    files |= {
        "cyst/10.txt": b"hello",
        "stone/v.nii": nifti(np.random.default_rng(0).uniform(0, 900, SHAPE)),
    }
    put(project.landing / f"export.{kind}", zipped(files) if kind == "zip" else tarred(files))
    (found,), _ = scan(project.landing)
    examiner = Examiner(project.landing, IngestConfig(), NAMES, project.landing.parent)
    alone = examine_all(examiner, [found])
    monkeypatch.setattr("pipeline.data.reading.readers._SHARED", found.size // 5)
    told_of: list[tuple[int, int]] = []
    shared = examine_all(examiner, [found], workers=2, on_progress=lambda *a: told_of.append(a))
    shares = 5 if kind == "zip" else 2
    assert told_of == [(done, shares) for done in range(1, shares + 1)]
    assert [told(look) for look in shared] == [told(look) for look in alone]
    assert [look.item for look in shared] == list(range(1, 21 + 1 + SHAPE[2] + 1))
    damaged = tarred(files)[:-2000] if kind == "tar.gz" else zipped(files)[:-200]
    put(project.landing / f"export.{kind}", damaged)
    (found,), _ = scan(project.landing)
    (look,) = examine_all(examiner, [found], workers=2)
    assert isinstance(look.result, Refused)
    assert look.result.reason in ("corrupt", "truncated")


def test_content_decides_how_an_archive_is_shared(
    project: IngestedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"cyst/{number:02d}.png": encode(picture(number)) for number in range(20)}
    contents = zipped(files), tarred(files), encode(picture(0, 256))
    monkeypatch.setattr("pipeline.data.reading.readers._SHARED", 100)
    examiner = Examiner(project.landing, IngestConfig(), NAMES, project.landing.parent)
    for content, shares in zip(contents, (8, 2, 1), strict=True):
        put(project.landing / "cyst" / "x.zip", content)
        (found,), _ = scan(project.landing)
        tell = Mock()
        examine_all(examiner, [found], workers=2, on_progress=tell)
        tell.assert_called_with(shares, shares)


def test_the_unpacked_limit_covers_all_shares_together() -> None:
    files = {f"cyst/{number}.bin": bytes(1000) for number in range(10)}
    config = IngestConfig(max_unpacked_bytes=9_500)
    for data, kind in ((zipped(files), "ZIP"), (tarred(files, "w"), "tar")):
        with pytest.raises(Refused, match="archive-bomb"):
            list(members(io.BytesIO(data), kind, config, 1, 2))


def test_a_member_with_a_false_size_is_refused() -> None:
    config = IngestConfig(max_bytes=100_000, max_unpacked_bytes=200_000)
    data = zipped({f"cyst/{number}.bin": bytes(90_000) for number in range(20)})
    told_size = struct.pack("<I", 90_000)
    lying = data.replace(told_size, struct.pack("<I", 0x7FFFFFFF))
    assert lying != data
    assert set(listed(lying, config).values()) == {"too-large"}
    assert refused(data, config) == "archive-bomb"
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for number in range(20):
            info = tarfile.TarInfo(f"cyst/{number}.bin")
            info.size = 90_000
            if not number:
                info.pax_headers = {
                    "GNU.sparse.major": "1", "GNU.sparse.minor": "0",
                    "GNU.sparse.name": "cyst/0.bin", "GNU.sparse.realsize": "-100000000",
                }  # fmt: skip
            archive.addfile(info, io.BytesIO(b"0\n".ljust(90_000, b"\0")))
    assert refused(stream.getvalue(), config) == "corrupt"


def test_known_members_are_recognised_by_their_bytes(project: IngestedFolder) -> None:
    files = three()
    put(project.landing / "export.zip", zipped(files))
    (found,), _ = scan(project.landing)
    sources = {hashlib.sha256(files["stone/a/1.png"]).hexdigest(): "an id"}
    store = project.landing.parent
    looks = examine_all(Examiner(project.landing, IngestConfig(), NAMES, store, sources), [found])
    assert [look.result for look in looks if look.label == "stone"] == [Known("an id")]
    assert not list(store.glob("an id*"))


def told(look: Look) -> tuple[int, str, str]:
    result = look.result
    return look.item, look.label, result.reason if isinstance(result, Refused) else result.id


def set_of_classes() -> Files:
    return {
        f"{label}/{number}.png": encode(picture(10 * index + number))
        for index, label in enumerate(("cyst", "stone"))
        for number in range(3)
    }


def backslashed(files: Files) -> bytes:
    """As PowerShell 5's Compress-Archive writes a zip."""
    infos = []
    for name, content in files.items():
        info = zipfile.ZipInfo("x")
        info.filename = name.replace("/", "\\")
        infos.append((info, content))
    return zipped(infos)


@pytest.mark.parametrize("front", ["", "SET/", "SET/SET/"])
@pytest.mark.parametrize("kind", ["zip", "windows", "tar.gz"])
def test_folders_that_wrap_the_classes_are_none(
    kind: str, front: str, project: IngestedFolder
) -> None:
    files = {f"{front}{name}": content for name, content in set_of_classes().items()}
    if kind != "windows":
        files |= {f"__MACOSX/{front}cyst/._0.png": b"\0\5\x16\7"}
    pack = {"zip": zipped, "windows": backslashed, "tar.gz": tarred}[kind]
    put(project.landing / "export", pack(files))
    report = project.ingest()
    assert {row.label for row in read_manifest(project.workspace)} == {"cyst", "stone"}
    assert (report.new, report.quarantined) == (6, 0)
    assert report.passed_over == ({} if kind == "windows" else {"system": 1})


def test_splits_in_an_archive_are_refused_without_names(project: IngestedFolder) -> None:
    files = {f"{split}/{name}": c for split in ("train", "test") for name, c in three().items()}
    put(project.landing / "export.zip", zipped(files))
    report = project.ingest()
    assert report.reasons == {"ambiguous-class": 1}
    (entry,) = report.entries
    assert "ingest.class_folder: 2" in entry.detail


@pytest.mark.parametrize(("method", "name"), [(9, "Deflate64"), (98, "PPMd"), (77, "method 77")])
def test_a_member_of_an_unknown_method_is_refused_by_name(
    method: int, name: str, project: IngestedFolder
) -> None:
    data = zipped(set_of_classes())
    first, listing = data.index(b"PK\3\4") + 8, data.index(b"PK\1\2") + 10
    packed = struct.pack("<H", method)
    data = data[:first] + packed + data[first + 2 : listing] + packed + data[listing + 2 :]
    put(project.landing / "export.zip", data)
    report = project.ingest()
    assert (report.new, report.reasons) == (5, {"packed": 1})
    assert [name in entry.detail for entry in report.entries if entry.reason == "packed"] == [True]
