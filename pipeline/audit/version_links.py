"""Links of one registry version: its tags, artifacts and bundle against ledger and journal."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from pipeline.audit.links import Link, equal
from pipeline.audit.objects import CheckedObjects, md5_of
from pipeline.audit.run_links import WEIGHTS, RunFiles
from pipeline.base.errors import BadInputError
from pipeline.base.start import FRESH
from pipeline.ledger.journal import VERDICTS, Record
from pipeline.registry.lineage import DESCENDS_TAG, data_listing, descent_tags

if TYPE_CHECKING:
    from pipeline.registry.registry import Registry

_LINEAGE = ("dvc.lock", "dvc.yaml", "params.yaml", "requirements.lock")
_ARTIFACT = "the copy in MLflow was changed or removed; the ledger is the authority"
_TAG = "the tag in the registry or the ledger was changed; the other copies show which"


def tag_links(run: RunFiles, tags: Mapping[str, str], weights_sha256: str) -> Iterator[Link]:
    """Check the version's lineage tags against git."""
    lock = run.files.get("dvc.lock", b"")
    expected = {
        "medloom.run_key": run.key,
        "dvc.lock_sha256": hashlib.sha256(lock).hexdigest(),
        "dvc.git_commit": str(run.head),
        "medloom.code_commit": run.code,
        "medloom.data_commit": run.data,
        "medloom.manifest_sha256": run.manifest_sha256(),
        "medloom.weights_sha256": weights_sha256,
    }
    # Versions of before have no tags of descent, and all of them began fresh.
    with suppress(BadInputError):  # a start that cannot be read is a broken link of the branch
        if run.start != FRESH or DESCENDS_TAG in tags:
            expected |= descent_tags(run.start)
    for name, value in expected.items():
        what = f"tag {name} against {'dvc.lock' if 'lock' in name else 'the ledger'}"
        yield equal(what, tags.get(name, "nothing"), value, _TAG)


def data_tag_link(run: RunFiles, tags: Mapping[str, str]) -> Link:
    """Check the raw listing's tag; requires that dvc.lock has been checked."""
    expected = data_listing(run.files["dvc.lock"].decode())
    return equal("tag dvc.data_md5 against dvc.lock", tags.get("dvc.data_md5"), expected, _TAG)


def artifact_links(
    registry: "Registry", version: int, run: RunFiles, objects: CheckedObjects, folder: Path
) -> Iterator[Link]:
    """Check the run's artifacts in MLflow against git's files and the remote's listings."""
    lineage = {name: run.files.get(name, b"") for name in _LINEAGE}
    lineage |= {f"manifest/{name}": content for name, content in run.manifest().items()}
    md5s = {name: md5_of(content) for name, content in lineage.items()}
    found = registry.run_artifacts(version, "lineage", folder)
    yield from _same_files("lineage", found, md5s, also=("environment.json",))
    reports = objects.listing(run.outs()["reports"])
    if reports:
        found = registry.run_artifacts(version, "evaluation", folder)
        yield from _same_files("evaluation", found, reports, purged=objects.purged)


def bundle_links(
    registry: "Registry",
    version: int,
    run: RunFiles,
    objects: CheckedObjects,
    weights_sha256: str,
    folder: Path,
) -> Iterator[Link]:
    """Check what a consumer loads: weights, config, and the code that reads them."""
    found = registry.bundle(version, folder)
    if found is None and (record := objects.purged.get(run.weights(objects))):
        yield Link("bundle", note=f"the weights were purged, as record {record} says")
        return
    implies = "consumers do not load what was judged; do not use this version"
    yield Link("bundle in MLflow", found is not None, "it is missing",
               "the version cannot be loaded; restore its artifacts from a backup")  # fmt: skip
    if found is None:
        return
    weights = found / "generator" / WEIGHTS
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest() if weights.exists() else "no file"
    yield equal("weights in MLflow against the recorded sha256", sha256, weights_sha256, implies)
    models = objects.listing(run.outs()["models"])
    expected = {f"generator/{name}": models.get(name, "") for name in (WEIGHTS, "config.json")}
    code = {path: content for path, content in run.files.items() if path.startswith("model/")}
    expected |= {f"medloom_{path}": md5_of(content) for path, content in code.items()}
    yield from _same_files("bundle", found, expected, also=("bundle.json",), implies=implies)


def verdict_links(
    registry: "Registry",
    version: int,
    records: Sequence[Record],
    tags: Mapping[str, str],
    folder: Path,
) -> Iterator[Link]:
    """Check the copies of the verdict in MLflow against the journal's newest on this version."""
    verdicts = [r for r in records if r.version == version and r.action in VERDICTS]
    if not verdicts:
        yield Link("verdict", note="the journal has no verdict on it yet")
        return
    record = verdicts[-1]
    again = f"`medloom task promote --key {record.run_key}` attaches the journal's verdict again"
    said = {r.action for r in records if r.version == version}
    yield Link("tag medloom.verdict against the journal", tags.get("medloom.verdict") in said,
               str(tags.get("medloom.verdict")), again)  # fmt: skip
    found = registry.run_artifacts(version, "verdict.json", folder)
    text = found.read_text(errors="replace") if found else ""
    yield Link(f"verdict.json in MLflow against record {record.sequence}",
               _canonical(text) == _canonical(json.dumps(record.verdict)),
               "it differs" if found else "it is missing", again)  # fmt: skip


def _same_files(
    what: str,
    folder: Path | None,
    expected: Mapping[str, str],
    also: Sequence[str] = (),
    implies: str = _ARTIFACT,
    purged: Mapping[str, int] = MappingProxyType({}),
) -> Iterator[Link]:
    """One link per expected file (path -> md5), and one that only those of `also` are added."""
    files = {p for p in folder.rglob("*") if p.is_file()} if folder else set()
    found = {str(p.relative_to(folder or p)): md5_of(p.read_bytes()) for p in files}
    for path, md5 in sorted(expected.items()):
        if path not in found and (record := purged.get(md5)):
            yield Link(
                f"{what}/{path}", note=f"a copy in MLflow was purged, as record {record} says"
            )
            continue
        says = "it differs" if path in found else "it is missing"
        yield Link(f"{what}/{path} in MLflow", found.get(path) == md5, says, implies)
    more = sorted(path for path in set(found) - set(expected) - set(also) if ".pyc" not in path)
    yield Link(f"{what} in MLflow, nothing else", not more, ", ".join(more), implies)


def _canonical(text: str) -> str:
    """JSON with sorted keys, as text, since NaN does not equal itself; "" if it is not JSON."""
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return ""
