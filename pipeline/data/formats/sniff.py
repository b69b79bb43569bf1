"""Detect the format of a file by its first bytes; its name is ignored."""

from pipeline.data.formats.dicom_head import is_bare_dicom

SNIFF_BYTES = 352

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (128, b"DICM", "DICOM"),
    (0, b"II*\x00", "TIFF"),
    (0, b"MM\x00*", "TIFF"),
    (0, b"BM", "BMP"),
    (0, b"GIF87a", "GIF"),
    (0, b"GIF89a", "GIF"),
    (8, b"WEBP", "WebP"),
    (4, b"jP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (344, b"n+1\x00", "NIfTI"),
    (4, b"n+2\x00\r\n\x1a\n", "NIfTI"),
    (344, b"ni1\x00", "a NIfTI header whose voxels lie in another file"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"BZh", "bzip2"),
    (0, b"\xfd7zXZ\x00", "xz"),
    (257, b"ustar", "tar"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"Rar!", "a RAR archive"),
    (0, b"%PDF", "PDF"),
    (0, b"II+\x00", "BigTIFF"),
    (0, b"MM\x00+", "BigTIFF"),
)
ARCHIVES = frozenset({"ZIP", "tar", "gzip", "bzip2", "xz"})


def sniff(head: bytes) -> str:
    """Name of the format, "text", or "unknown data"; `head` is the file's first SNIFF_BYTES."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip(head)
    for offset, magic, name in _MAGIC:
        if head[offset : offset + len(magic)] == magic and not (name == "BMP" and _is_text(head)):
            return name
    if is_bare_dicom(head):
        return "DICOM"
    return "text" if _is_text(head) else "unknown data"


def _zip(head: bytes) -> str:
    """Formats that are zips, by the name of the first member."""
    first = head[30 : 30 + int.from_bytes(head[26:28], "little")]
    if first.endswith(b".npy"):
        return "NPZ"
    return "an Office document" if first == b"[Content_Types].xml" else "ZIP"


def _is_text(head: bytes) -> bool:
    return b"\x00" not in head and all(byte >= 0x20 or byte in b"\t\n\r\f" for byte in head)
