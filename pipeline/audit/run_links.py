"""Links of one run: its branch, its dvc.lock, and the objects that dvc.lock names."""

import hashlib
from collections.abc import Iterator
from typing import Any

import yaml

from pipeline.audit.data_links import batches_of
from pipeline.audit.links import Link, equal
from pipeline.audit.objects import CheckedObjects, listing_md5, md5_of
from pipeline.base.code import FOLDER as CODE_FOLDER
from pipeline.base.code import Read, describe_again
from pipeline.base.errors import BadInputError
from pipeline.base.start import FOLDER as START_FOLDER
from pipeline.base.start import FRESH, NETWORKS, ORIGIN_FILE, Start
from pipeline.data.manifest import MANIFEST_FOLDER, RAW_FOLDER
from pipeline.ledger.ledger import STAGES, Ledger
from pipeline.ledger.run import opening

WEIGHTS = "generator.safetensors"
_REWRITTEN = "the run's branch was rewritten; what it says about the weights cannot be trusted"


class RunFiles:
    """The files of a run, read from the ledger.

    Attributes:
        key: of the run.
        head: commit of its branch; None if the branch is gone.
        opened, code, data: the commit that opened it and its two parents.
        files: every file at `head`, by path.
        lock: dvc.lock, parsed; empty if it is missing or not YAML.
    """

    def __init__(self, ledger: Ledger, key: str) -> None:
        self.ledger, self.key = ledger, key
        self.head = ledger.head(f"run/{key}")
        self.opened = self.code = self.data = ""
        self.files: dict[str, bytes] = {}
        if self.head:
            self.opened, self.code, self.data = opening(ledger.mirror, self.head)
            self.files = ledger.mirror.archive(self.head, "")
        self.lock = _parse(self.files.get("dvc.lock", b""))

    @property
    def start(self) -> Start:
        """What the training began from.

        Raises:
            BadInputError: its record cannot be read.
        """
        text = self.files.get(str(ORIGIN_FILE))
        return Start.parse(None if text is None else text.decode(errors="replace"))

    def outs(self) -> dict[str, str]:
        """Path -> object name of every stage output."""
        return {
            out["path"]: out["md5"]
            for stage in self.lock.get("stages", {}).values()
            for out in stage.get("outs", ())
        }

    def weights(self, objects: CheckedObjects) -> str:
        """The object name of the weights; "" if models or its listing is missing."""
        return objects.listing(self.outs().get("models", "")).get(WEIGHTS, "")

    def manifest(self) -> dict[str, bytes]:
        """The manifest's files by name."""
        folder = f"{MANIFEST_FOLDER}/"
        return {p.removeprefix(folder): c for p, c in self.files.items() if p.startswith(folder)}

    def manifest_sha256(self) -> str:
        """The hash in the lineage tag: over names and contents in order."""
        digest = hashlib.sha256()
        for name, content in sorted(self.manifest().items()):
            digest.update(name.encode() + b"\0" + content)
        return digest.hexdigest()


def branch_links(run: RunFiles) -> Iterator[Link]:
    """Check that the branch is code plus data plus dvc.lock, and that its key is theirs."""
    git, branch = run.ledger.mirror, f"branch run/{run.key}"
    yield Link(branch, bool(run.head), "it is gone", "the run's dvc.lock is lost; see a backup")
    yield Link(f"{branch}, where it began", bool(run.data), "no commit joins code and data",
               _REWRITTEN)  # fmt: skip
    try:
        start = run.start
    except BadInputError as error:
        yield Link(f"{branch}, what it began from", False, str(error), _REWRITTEN)
        return
    key = run.ledger.run_key(run.code, run.data, start).key
    yield equal(f"{branch} against the key of its code, data, parameters and start", key, run.key,
                _REWRITTEN)  # fmt: skip
    added = git.run("diff", "--name-only", run.opened, str(run.head)).split()
    yield Link(f"{branch}, what the run added", set(added) <= {"dvc.lock"}, ", ".join(added),
               _REWRITTEN)  # fmt: skip
    mixed = git.run("diff", "--name-only", run.code, run.opened).splitlines()
    own = {path for path in run.files if path.startswith(f"{START_FOLDER}/")}
    expected = start.files() if own else {}  # early runs have no such folder
    yield Link(f"{branch}, its folder {START_FOLDER}",
               {path: run.files[path].decode(errors="replace") for path in own} == expected,
               "it is not what its origin.json implies", _REWRITTEN)  # fmt: skip
    other = [path for path in mixed if not path.startswith("data/") and path not in expected]
    same = run.ledger.tree(run.opened, "data") == run.ledger.tree(run.data, "data")
    yield Link(f"{branch} against its code and data commits", same and not other,
               f"it differs in {', '.join(other) or 'data'}", _REWRITTEN)  # fmt: skip
    yield from _code_links(run)


def _code_links(run: RunFiles) -> Iterator[Link]:
    """Check that each stage's list of modules matches the code; older runs have no lists."""

    def read(path: str) -> str | None:
        content = run.files.get(path)
        return None if content is None else content.decode()

    for stage in STAGES:
        path = f"{CODE_FOLDER}/{stage}.json"
        if listed := read(path):
            same = listed == _made_again(listed, read)
            yield Link(f"{path} of run {run.key} against its code", same, "its modules differ",
                       "the run's key is not that of the code that ran")  # fmt: skip


def _made_again(listed: str, read: Read) -> str:
    try:
        return describe_again(listed, read)
    except (BadInputError, ValueError, KeyError):
        return ""


def lock_links(run: RunFiles, objects: CheckedObjects) -> Iterator[Link]:
    """Check that each stage's inputs in dvc.lock are files in git or outputs of a stage."""
    stages = run.lock.get("stages", {})
    yield Link(f"dvc.lock of run {run.key}", set(STAGES) <= set(stages),
               f"it has no {', '.join(sorted(set(STAGES) - set(stages)))}", _REWRITTEN)  # fmt: skip
    params = _parse(run.files.get("params.yaml", b""))
    outs = run.outs()
    for stage, facts in sorted(stages.items()):
        for dep in facts.get("deps", ()):
            path = dep["path"]
            expected = outs.get(path) or _md5_in_git(run, objects, path)
            if expected:
                yield equal(f"dvc.lock, {stage} from {path}, against git", dep["md5"], expected,
                            "what the stage read is not what the ledger holds")  # fmt: skip
        for section, said in facts.get("params", {}).get("params.yaml", {}).items():
            yield Link(f"dvc.lock, {stage}'s {section}, against params.yaml",
                       said == params.get(section), "they differ",
                       "the stage ran with other parameters than the ledger holds")  # fmt: skip


def _md5_in_git(run: RunFiles, objects: CheckedObjects, path: str) -> str:
    """DVC's name for a file or folder, from git and the batches' listings.

    "" if it is unknown because a listing was purged.
    """
    if path in run.files:
        return md5_of(run.files[path])
    below = f"{path}/"
    entries = {
        p.removeprefix(below): md5_of(c) for p, c in run.files.items() if p.startswith(below)
    }
    if path == str(RAW_FOLDER):
        for batch in batches_of(run.ledger.mirror, str(run.head)):
            listing = objects.listing(batch.listing)
            if not listing and batch.listing in objects.purged:
                return ""
            entries |= {f"{batch.name}/{file}": name for file, name in listing.items()}
    if path == str(START_FOLDER) and run.start != FRESH:
        entries[NETWORKS.name] = run.start.md5
    return listing_md5(entries)


def output_links(run: RunFiles, objects: CheckedObjects, weights_sha256: str) -> Iterator[Link]:
    """Check every object that the stages wrote, and the sha256 of the weights.

    Args:
        run: of the version.
        objects: of the remote.
        weights_sha256: from the journal or the registry; "" if neither has it.
    """
    for path, name in sorted(run.outs().items()):
        yield objects.link(name, f"listing of {path}")
        for file, inner in sorted(objects.listing(name).items()):
            weights = path == "models" and file == WEIGHTS
            what = f"weights, {path}/{file}" if weights else f"file {path}/{file}"
            yield objects.link(inner, what, weights_sha256 if weights else "")


def _parse(content: bytes) -> dict[str, Any]:
    try:
        found = yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}
