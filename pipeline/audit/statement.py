"""The provenance of a version: an in-toto Statement with SLSA's predicate.

Specifications: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md and
https://slsa.dev/spec/v1.0/provenance. The statement is not signed; the journal's records are.
"""

from typing import Any

from pipeline.audit.trace_facts import Trace
from pipeline.base.errors import BadInputError
from pipeline.base.start import NETWORKS, ORIGIN_FILE

STATEMENT = "https://in-toto.io/Statement/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:medloom:retrain:v1"
BUILDER = "urn:medloom:retrain_generator"
"""URIs, as the specification requires: names, not addresses. docs/audit.md explains them."""

_WEIGHTS = "generator.safetensors"


def statement(found: Trace, ledger: str) -> dict[str, Any]:
    """The statement of a version: subject, inputs and builder.

    Args:
        found: the version's trace.
        ledger: address of the git repository with the commits.

    Raises:
        BadInputError: the run has no verdict, so its weights are not known.
    """
    if not found.weights_sha256:
        raise BadInputError(
            f"run {found.run_key} has no verdict, so the ledger does not know its weights; "
            "`medloom champion history` lists the versions with a verdict"
        )
    return {
        "_type": STATEMENT,
        "subject": [{"name": _WEIGHTS, "digest": {"sha256": found.weights_sha256}}],
        "predicateType": PROVENANCE,
        "predicate": {
            "buildDefinition": _definition(found, ledger),
            "runDetails": _run(found, ledger),
        },
    }


def _definition(found: Trace, ledger: str) -> dict[str, Any]:
    return {
        "buildType": BUILD_TYPE,
        "externalParameters": {
            "model": found.model,
            "trigger": found.trigger,
            "params": found.params,
        },
        "internalParameters": {"runKey": found.run_key, "environment": found.environment},
        "resolvedDependencies": [part for part in _dependencies(found, ledger) if part["digest"]],
    }


def _dependencies(found: Trace, ledger: str) -> list[dict[str, Any]]:
    """Descriptors of the inputs; the caller drops those without a digest."""
    data, code = found.data, found.code
    head = found.commits[-1].id if found.commits else ""
    facts = {
        "upstreamCommit": code.upstream,
        "dirty": "unknown" if code.dirty is None else code.dirty,
    }
    counts = {"images": data.images, "groups": data.groups}
    began = [
        {"name": NETWORKS.name, "uri": _at(ledger, head, str(ORIGIN_FILE)),
         "digest": _digest(sha256=one.networks_sha256),
         "annotations": {"version": one.version, "runKey": one.run_key}}
        for one in found.ancestors[:1]
    ]  # fmt: skip
    inherited = [
        {"name": f"data of {one.name}", "uri": _at(ledger, one.data.commit),
         "digest": _digest(gitCommit=one.data.commit, gitTree=one.data.manifest),
         "annotations": {"images": one.data.images, "groups": one.data.groups}}
        for one in found.ancestors
    ]  # fmt: skip
    return [
        {"name": "code", "uri": _at(ledger, code.commit), "digest": _digest(gitCommit=code.commit),
         "annotations": facts},
        {"name": "data", "uri": _at(ledger, data.commit),
         "digest": _digest(gitCommit=data.commit, gitTree=data.manifest), "annotations": counts},
        {"name": "data/raw", "uri": _at(ledger, data.commit, "data/raw"),
         "digest": _digest(md5=data.listing_md5)},
        {"name": "params.yaml", "uri": _at(ledger, head, "params.yaml"),
         "digest": _digest(gitCommit=head)},
        {"name": "dvc.lock", "uri": _at(ledger, head, "dvc.lock"),
         "digest": _digest(sha256=found.lock_sha256)},
        *began,
        *inherited,
    ]  # fmt: skip


def _digest(**digests: str) -> dict[str, str]:
    # DVC adds the suffix .dir to the hash of a listing; a digest is hex.
    return {name: value.removesuffix(".dir") for name, value in digests.items() if value}


def _at(ledger: str, commit: str, path: str = "") -> str:
    """A location in git in SPDX form: git+<address>@<commit>#<path>."""
    address = ledger if "://" in ledger else f"file://{ledger}"
    return f"git+{address}@{commit}" + (f"#{path}" if path else "")


def _run(found: Trace, ledger: str) -> dict[str, Any]:
    details = found.verdict.details if found.verdict else {}
    head = found.commits[-1].id if found.commits else "gone"
    metadata = {"invocationId": str(details.get("dag_run_id") or f"run/{found.run_key}@{head}")}
    if found.commits:
        metadata |= {"startedOn": _zulu(found.commits[0].time)}
        metadata |= {"finishedOn": _zulu(found.commits[-1].time)}
    return {
        "builder": {"id": BUILDER, "version": _versions(found)},
        "metadata": metadata,
        "byproducts": [_evaluation(found, _at(ledger, head, "reports"))],
    }


def _versions(found: Trace) -> dict[str, str]:
    code = found.code
    upstream = code.upstream if code.upstream != "none" else code.commit
    return {"medloom": code.installed or upstream}


def _evaluation(found: Trace, uri: str) -> dict[str, Any]:
    """The evaluation behind the verdict: its folder's hash, and the verdict itself."""
    record = found.verdict
    outputs = {output.stage: output.md5 for output in found.outputs}
    return {
        "name": "evaluation",
        "uri": uri,
        "digest": _digest(md5=outputs.get("evaluate", "")),
        "annotations": {
            "testSetSha256": record.test_set if record else "",
            "verdict": record.verdict if record else {},
            "action": record.action if record else "",
            "journalRecord": record.sequence if record else None,
        },
    }


def _zulu(time: str) -> str:
    """RFC 3339 in UTC with the suffix Z, as protobuf writes it."""
    return time.replace("+00:00", "Z")
