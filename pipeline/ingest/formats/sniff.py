"""What a file is, told by its first bytes. Its name does not count."""

SNIFF_BYTES = 132

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"II*\x00", "TIFF"),
    (0, b"MM\x00*", "TIFF"),
    (0, b"BM", "BMP"),
    (0, b"GIF87a", "GIF"),
    (0, b"GIF89a", "GIF"),
    (8, b"WEBP", "WebP"),
    (4, b"jP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (128, b"DICM", "DICOM"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"PK\x03\x04", "ZIP"),
    (0, b"%PDF", "PDF"),
    (0, b"II+\x00", "BigTIFF"),
    (0, b"MM\x00+", "BigTIFF"),
)


def sniff(head: bytes) -> str:
    """Name of the format, "text", or "unknown data"; `head` is the file's first SNIFF_BYTES."""
    for offset, magic, name in _MAGIC:
        if head[offset : offset + len(magic)] == magic and not (name == "BMP" and _is_text(head)):
            return name
    return "text" if _is_text(head) else "unknown data"


def _is_text(head: bytes) -> bool:
    return b"\x00" not in head and all(byte >= 0x20 or byte in b"\t\n\r\f" for byte in head)
