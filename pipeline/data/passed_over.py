"""Files that no ingest takes: hidden and system files, thumbnails, bins, lists and sidecars."""

from fnmatch import fnmatchcase

from pipeline.synthetic.png import SIDECAR_SUFFIX

LIST_NAME = "medloom.csv"
FOLDER_KINDS = ("thumbnails", "bin", "system-folder")
"""Kinds whose folders may hold images that somebody meant to have ingested."""

_FOLDERS = {
    # Of Synology, QNAP, cameras and picture managers.
    "thumbnails": ("@eadir", ".@__thumb", ".thumbnails", "thumbnails", "thumbs", "thmbnl",
                   "*.lrdata", ".picasaoriginals"),
    # Of NAS, Windows, macOS and Linux.
    "bin": ("#recycle", "@recycle", "$recycle.bin", "recycler", "recycled", ".trash*",
            "network trash folder"),
    "system-folder": ("system volume information", "lost+found", "#snapshot", "~snapshot",
                      "@recently-snapshot", "@tmp", "@sharebin", "temporary items"),
    "system": ("__macosx",),  # it holds no images, but attributes of files
}  # fmt: skip
_FILES = {
    "thumbnails": ("*.thm", "synophoto_thumb_*"),
    "system": ("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "zbthumbnail.info", "desktop.ini",
               "synoindex_media_info", "dicomdir", "icon\r", "~$*"),
    "list": (LIST_NAME,),
    "sidecar": ("*.truth.json", f"*{SIDECAR_SUFFIX}"),
}  # fmt: skip


def passed_over(path: str) -> str:
    """Why ingest passes a path over: a kind such as "bin", or "" when it is taken.

    Args:
        path: of a file, with "/" between its parts.
    """
    *folders, name = path.split("/")
    kinds = (folder_kind(folder) for folder in folders)
    return next((kind for kind in kinds if kind), "") or file_kind(name)


def folder_kind(name: str) -> str:
    """The kind of a folder whose files are passed over, or ""."""
    return _kind(name, _FOLDERS)


def file_kind(name: str) -> str:
    """The kind of a file that is passed over by its own name, or ""."""
    return _kind(name, _FILES)


def _kind(name: str, patterns: dict[str, tuple[str, ...]]) -> str:
    lower = name.strip(" ").lower()
    for kind, names in patterns.items():
        if any(fnmatchcase(lower, pattern) for pattern in names):
            return kind
    return "hidden" if name.startswith(".") and name not in (".", "..") else ""
