"""Advice on what to do about a quarantined file, by its reason."""

from pipeline.data.refusal import RELEASABLE

_LOOK = (
    "review it: `medloom data quarantine release` lets it in, `reject` keeps it out for good; or "
    "change the threshold in params.yaml (ingest) for all images"
)
_COPY = "copy the complete file again from its source; the next ingest reads it again"
_LIMIT = "split or shrink it, or raise the limit that the detail names in params.yaml (ingest)"
_CONVERT = "convert it to an allowed format (docs/ingest.md), and add the converted file"
_PLAIN = "put a regular file in its place; links, pipes and devices are never followed"
_NOTHING = "nothing can be learned from it: delete it, or reject it to mark it as reviewed"
_ARCHIVE = "unpack it yourself, check its content, and put the files into their class folders"
_WAIT = "the next ingest tries it again"

_ADVICE = {
    **dict.fromkeys(RELEASABLE, _LOOK),
    "label-map": "a mask, no picture: take it out of the class folder; `medloom data quarantine "
    "release` lets an image in that is a picture all the same",
    **dict.fromkeys(("all-black", "constant", "empty", "no-pixels", "localizer"), _NOTHING),
    **dict.fromkeys(("truncated", "corrupt"), _COPY),
    **dict.fromkeys(("too-large", "too-many-pixels", "too-many-members", "archive-bomb"), _LIMIT),
    **dict.fromkeys(
        ("not-an-image", "unsupported-format", "unsupported-depth", "multi-frame"), _CONVERT
    ),
    **dict.fromkeys(("symlink", "special-file"), _PLAIN),
    **dict.fromkeys(("encrypted", "nested-archive", "unsafe-path", "packed"), _ARCHIVE),
    "growing": f"{_WAIT}, once it is completely written",
    "unreadable": f"make it readable for the user who ingests (chmod u+r); {_WAIT}",
    "bad-class": "rename its class folder: a-z, 0-9, - and _, as in kidney-stone",
    "ambiguous-class": "put it into a class folder, or set ingest.class_folder as the detail says",
    "no-class": "put it into a class folder, or give its class in a medloom.csv beside it",
    "unknown-class": "move it to the folder of a class of the project, or start another project",
    "conflict": "keep the file in one class folder only; `medloom data relabel` corrects an image "
    "that was ingested under the wrong class",
    "bridge": "it stays out while both groups exist: ingest a series all at once, or give its "
    "patient by --patient-from or a medloom.csv",
    "pair": "correct the rows of its pair in the medloom.csv, or see why its partner is refused "
    "(docs/ingest.md, Pairs); the next ingest tries both again",
    "reader-died": f"the reader process crashed or hung on it; {_COPY}",
    "synthetic": "nothing: generated images must not train a generator; delete it",
    "wrong-modality": "allow its modality in params.yaml (ingest.modalities), or delete it",
    "withdrawn": "nothing: consent was withdrawn; delete the file",
    "rejected": "nothing; `medloom data quarantine release` would let it in after all",
}


def advice(reason: str) -> str:
    """One sentence on what to do about a file that is quarantined for this reason."""
    return _ADVICE.get(reason, "see docs/ingest.md")
