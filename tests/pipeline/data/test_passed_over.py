"""Files of NAS, cameras and systems are passed over; images that only look alike are not."""

import pytest

from pipeline.data.passed_over import passed_over


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("stone/@eaDir/a.png/SYNOPHOTO_THUMB_XL.jpg", "thumbnails"),
        ("stone/.@__thumb/a.png", "thumbnails"),
        ("stone/#recycle/deleted.png", "bin"),
        ("$RECYCLE.BIN/S-1-5/a.png", "bin"),
        (".Trash-1000/files/a.png", "bin"),
        ("__MACOSX/stone/._a.png", "system"),
        ("System Volume Information/x", "system-folder"),
        ("stone/Thumbs.db", "system"),
        ("stone/ehthumbs.db", "system"),
        ("stone/Icon\r", "system"),
        ("stone/desktop.ini", "system"),
        ("DICOMDIR", "system"),
        ("stone/IMG_1.THM", "thumbnails"),
        ("stone/.hidden/a.png", "hidden"),
        ("stone/._a.png", "hidden"),
        ("medloom.csv", "list"),
        ("stone/a.png.synthetic.json", "sidecar"),
        ("stone/a.png", ""),
        ("stone/recycled-tissue/a.png", ""),
        ("stone/thumb/a.png", ""),
        ("stone/IM0", ""),
    ],
)
def test_kinds(path: str, kind: str) -> None:
    assert passed_over(path) == kind
