"""What a person can do about a file that is set aside, by the reason for it."""

from pipeline.data.refusal import BY_LOOKS

_LOOK = (
    "look at it: `medloom data quarantine release` lets it in, `reject` keeps it out for good; or "
    "change the threshold in params.yaml (ingest) for all images"
)
_COPY = "copy it again from where it came from, whole; the next ingest looks at it anew"
_LIMIT = "divide or shrink it, or raise the limit in params.yaml (ingest) that is named"
_CONVERT = "convert it to a format that is allowed (docs/ingest.md), and put that beside it"
_PLAIN = "put a regular file there instead; links, pipes and devices are never followed"
_NOTHING = "nothing can be learned from it: take it away, or reject it so that it counts as seen"
_ARCHIVE = "unpack it yourself, look at what is in it, and put the files into their class folders"
_WAIT = "the next ingest tries it again by itself"

_ADVICE = {
    **dict.fromkeys(BY_LOOKS, _LOOK),
    **dict.fromkeys(("all-black", "constant", "empty", "no-pixels", "localizer"), _NOTHING),
    **dict.fromkeys(("truncated", "corrupt"), _COPY),
    **dict.fromkeys(("too-large", "too-many-pixels", "too-many-members", "archive-bomb"), _LIMIT),
    **dict.fromkeys(
        ("not-an-image", "unsupported-format", "unsupported-depth", "multi-frame"), _CONVERT
    ),
    **dict.fromkeys(("symlink", "special-file"), _PLAIN),
    **dict.fromkeys(("encrypted", "nested-archive", "unsafe-path"), _ARCHIVE),
    "growing": f"{_WAIT}, once nobody writes to it",
    "unreadable": f"make it readable for the user who ingests (chmod u+r); {_WAIT}",
    "bad-class": "rename its class folder: a-z, 0-9, - and _, as in kidney-stone",
    "no-class": "put it into a class folder, or say its class in a medloom.csv beside it",
    "unknown-class": "move it to the folder of a class that the project has, or begin a project",
    "conflict": "leave the file in one class folder only; `medloom data relabel` corrects an image "
    "that is ingested under the wrong class",
    "bridge": "it stays out while both groups are there: ingest a series in one piece, or tell its "
    "patient by --patient-from or a medloom.csv",
    "reader-died": f"its reader crashed or hung over it; {_COPY}",
    "synthetic": "nothing: generated images must not train a generator; take it away",
    "wrong-modality": "allow its modality in params.yaml (ingest.modalities), or take it away",
    "withdrawn": "nothing: consent was withdrawn; take the file away",
    "rejected": "nothing; `medloom data quarantine release` lets it in after all, if need be",
}


def advice(reason: str) -> str:
    """One sentence on what can be done about a file that is set aside for this reason."""
    return _ADVICE.get(reason, "see docs/ingest.md")
