"""C2PA manifests (Content Credentials, C2PA 2.x): signing generated images, and reading anybody's.

Nothing is fetched: no time stamp, no certificate status, no remote manifest. Signing the same image
twice gives other bytes, since C2PA salts its hashes; the pixels and the text stay.
"""

import io
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from c2pa import Context

    from pipeline.synthetic.keys import MarkKeys

FACTS_LABEL = "org.medloom.synthetic"
TRAINED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_GENERATED = ("trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia")


class Credentials(NamedTuple):
    """What the manifests of a file say.

    Attributes:
        synthetic: whether one of them says that a trained model made the image, or a part of it.
        facts: those of medloom; None: the newest manifest is not medloom's.
        state: trusted: signed under the given authority, and the file is as it was signed; valid:
            likewise by anybody; invalid: the file was changed, or the signature does not hold.
        problems: codes of what does not hold, such as assertion.dataHash.mismatch.
        signer: the name in the certificate.
    """

    synthetic: bool
    facts: dict[str, Any] | None = None
    state: Literal["trusted", "valid", "invalid"] = "invalid"
    problems: tuple[str, ...] = ()
    signer: str = ""


def sign_png(png: bytes, facts: Mapping[str, Any], keys: "MarkKeys") -> bytes:
    """The PNG with a manifest that says that a trained model made it, and from what.

    Args:
        png: a whole file.
        facts: as in the PNG's text.
        keys: of the deployment.
    """
    from c2pa import Builder, C2paSignerInfo, Signer

    created = {"action": "c2pa.created", "digitalSourceType": TRAINED}
    manifest = {
        "claim_generator_info": [{"name": "medloom"}],
        "title": f"synthetic {facts.get('label', 'image')}",
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [created]}},
            {"label": FACTS_LABEL, "data": dict(facts)},
        ],
    }
    info = C2paSignerInfo("es256", keys.chain.encode(), keys.private, None)
    signed = io.BytesIO()
    with Signer.from_info(info) as signer, Builder(manifest, _context(keys.anchor)) as builder:
        builder.sign(signer, "image/png", io.BytesIO(png), signed)
    return signed.getvalue()


def read_credentials(data: bytes, anchor: str = "") -> Credentials | None:
    """What a file's manifests say; None without one, or where it cannot be read.

    Args:
        data: a whole file of any format.
        anchor: the authority to trust (PEM); "": none.
    """
    if b"c2pa" not in data:
        return None
    from c2pa import C2paError, Reader

    try:
        with Reader(None, io.BytesIO(data), None, _context(anchor)) as reader:
            told = json.loads(reader.json())
    except C2paError:
        return None
    manifests: dict[str, Any] = told.get("manifests", {})
    active = manifests.get(told.get("active_manifest", ""), {})
    said = {one.get("label"): one.get("data") for one in active.get("assertions", [])}
    facts = said.get(FACTS_LABEL)
    results = told.get("validation_results", {}).get("activeManifest", {})
    states: dict[str, Literal["trusted", "valid"]] = {"Trusted": "trusted", "Valid": "valid"}
    signer = active.get("signature_info", {})
    return Credentials(
        any(_is_generated(source) for one in manifests.values() for source in _sources(one)),
        facts if isinstance(facts, dict) else None,
        states.get(told.get("validation_state", ""), "invalid"),
        tuple(dict.fromkeys(one["code"] for one in results.get("failure", []))),
        str(signer.get("common_name") or signer.get("issuer") or ""),
    )


def _is_generated(source: str) -> bool:
    return source.rpartition("/")[2] in _GENERATED


def _sources(manifest: Mapping[str, Any]) -> Iterator[str]:
    """The digital source types of a manifest's actions."""
    for assertion in manifest.get("assertions", []):
        data = assertion.get("data")
        if str(assertion.get("label", "")).startswith("c2pa.actions") and isinstance(data, dict):
            for action in data.get("actions", []):
                yield str(action.get("digitalSourceType", ""))


@lru_cache(maxsize=4)
def _context(anchor: str) -> "Context":
    from c2pa import Context, Settings

    verify = {"verify_trust": bool(anchor), "remote_manifest_fetch": False, "ocsp_fetch": False}
    settings: dict[str, Any] = {"builder": {"thumbnail": {"enabled": False}}, "verify": verify}
    if anchor:
        settings["trust"] = {"trust_anchors": anchor}
    return Context(settings=Settings.from_json(json.dumps(settings)))
