"""Reading what a file itself, and the file beside it, say of being synthetic."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from pipeline.synthetic.credentials import read_credentials
from pipeline.synthetic.png import FACTS_KEY, SIDECAR_SUFFIX, is_marked

_MOST_SIDECAR = 1 << 20  # bytes


class Mark(NamedTuple):
    """What one mark says.

    Attributes:
        name: text, sidecar, dicom or c2pa.
        synthetic: whether it is there and says that the image is synthetic.
        detail: what it says, or that it is not there, in words.
        facts: what the image was drawn from; None: it does not say.
        problem: why it cannot be believed; "" for no reason.
    """

    name: str
    synthetic: bool
    detail: str
    facts: dict[str, Any] | None = None
    problem: str = ""


def read_marks(file: Path, data: bytes, anchor: str = "") -> list[Mark]:
    """The marks that a file of these bytes may bear, without the watermark.

    Args:
        file: where it lies, for the sidecar.
        data: its bytes.
        anchor: the authority whose signatures are trusted (PEM); "": none.
    """
    if is_dicom(data):
        return [_dicom(data)]
    return [_text(data), _sidecar(file), _c2pa(data, anchor)]


def is_dicom(data: bytes) -> bool:
    """Whether bytes are a DICOM file (PS3.10, 7.1)."""
    return data[128:132] == b"DICM"


def _text(data: bytes) -> Mark:
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()  # text chunks may follow the pixels
            text: Mapping[Any, Any] = dict(getattr(image, "text", image.info))
    except (OSError, SyntaxError, ValueError):
        return Mark("text", synthetic=False, detail="the file cannot be read")
    if not is_marked(text):
        return Mark("text", synthetic=False, detail="none")
    facts = _facts(text.get(FACTS_KEY))
    return Mark("text", synthetic=True, detail=_told(facts), facts=facts)


def _sidecar(file: Path) -> Mark:
    beside = file.with_name(file.name + SIDECAR_SUFFIX)
    try:
        with beside.open("rb") as stream:
            facts = _facts(stream.read(_MOST_SIDECAR))
    except OSError:
        return Mark("sidecar", synthetic=False, detail="none")
    if facts is None or facts.pop("synthetic", None) is not True:
        return Mark("sidecar", synthetic=True, detail="", problem=f"{beside.name} is no mark")
    return Mark("sidecar", synthetic=True, detail=_told(facts), facts=facts)


def _dicom(data: bytes) -> Mark:
    import pydicom

    try:
        dataset = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True)
        said = str(dataset.get("SyntheticData", "")).strip().upper()
        comments = dataset.get("ImageComments", "")
    except Exception as error:  # a damaged header raises errors of any kind
        return Mark("dicom", synthetic=False, detail=f"damaged ({type(error).__name__})")
    if said != "YES":
        return Mark("dicom", synthetic=False, detail="no SyntheticData YES")
    facts = _facts(comments)
    return Mark("dicom", synthetic=True, detail=f"SyntheticData YES, {_told(facts)}", facts=facts)


def _c2pa(data: bytes, anchor: str) -> Mark:
    found = read_credentials(data, anchor)
    if found is None:
        return Mark("c2pa", synthetic=False, detail="none")
    if not found.synthetic:
        return Mark("c2pa", synthetic=False, detail="a manifest that does not say so")
    problem = ", ".join(found.problems) or "it does not hold" if found.state == "invalid" else ""
    if not problem and anchor and found.state != "trusted":
        problem = "signed by another key than this project's"
    return Mark("c2pa", True, f"signed by {found.signer}, {found.state}", found.facts, problem)


def _facts(text: Any) -> dict[str, Any] | None:
    """Facts in JSON; None: there are none."""
    try:
        found = json.loads(text)
    except (TypeError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _told(facts: Mapping[str, Any] | None) -> str:
    if not facts:
        return "without saying what drew it"
    index = f", index {facts['index']}" if "index" in facts else ""
    return (
        f"{facts.get('model', '?')} version {facts.get('version', '?')}, "
        f"{facts.get('label', '?')}, seed {facts.get('seed', '?')}{index}"
    )
