"""The images that a run learned from and was judged by, as its preprocess stage made them."""

import json
import tempfile
from pathlib import Path, PurePosixPath

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.data.processed import Processed
from pipeline.data.revise.revision import require_consent
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.objects import read_object
from pipeline.ledger.run import Run

_KINDS = (".npy", ".json")  # pictures of the classes lie beside the arrays


def arrays_of_run(project: Project, key: str) -> Processed:
    """The prepared images of a run, from this host's cache or the remote, without a workspace.

    Their files have no name any more when this returns, so that nothing stays when the process
    ends; a killed call leaves them in the run's workspaces, which a purge removes.

    Raises:
        BadInputError: there is no such run, its images were withdrawn since, or they are neither
            in the cache nor in the remote.
        TransientError: the remote cannot be reached.
    """
    ledger = Ledger(project)
    run = Run.get(ledger, key)
    require_consent(ledger, key)
    if not (listing := run.outputs.get("data/processed")):
        raise BadInputError(f"run {key} has no prepared images in the ledger yet")
    entries = json.loads(read_object(project, listing))
    workspaces = project.workspaces / key
    workspaces.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="arrays-", dir=workspaces) as folder:
        for entry in entries:
            name = PurePosixPath(entry["relpath"])
            if name.suffix in _KINDS:
                file = Path(folder, name)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(read_object(project, entry["md5"]))
        return Processed.load(Path(folder))
