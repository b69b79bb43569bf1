"""Create the data branch, tell phantoms from patients, and pull its files into a workspace."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.data.manifest import PHANTOM_FILE, RAW_FOLDER, read_manifest
from pipeline.ledger.ledger import DATA, Ledger, Workspace

_PULLED_AT_ONCE = 500  # a command line has an end


def declare_data(project: Project, *, phantom: bool) -> None:
    """Record whether a new project holds a phantom or patients; check it in an existing one.

    Raises:
        BadInputError: the project holds the other kind; the two cannot be mixed.
    """
    ledger = Ledger(project)
    if ledger.head(DATA) is None:
        begin_data(ledger, phantom=phantom)
    elif is_phantom(ledger) != phantom:
        kinds = ("images of patients", "a phantom")
        raise BadInputError(
            f"the project {project.name} holds {kinds[not phantom]}, and this command adds "
            f"{kinds[phantom]}: the two never mix; choose another project with --project"
        )


def begin_data(ledger: Ledger, *, phantom: bool) -> None:
    """Commit the first, empty data revision."""
    files = {"data/README": "Batches of images and the manifest of each, one row an image.\n"}
    if phantom:
        files[PHANTOM_FILE] = "These images are a computed phantom. No patient was imaged.\n"
    ledger.commit_files(DATA, None, files, "data: begin")


def is_phantom(ledger: Ledger) -> bool:
    """Whether the project's images are the built-in phantom."""
    data = ledger.head(DATA)
    return data is not None and ledger.read(data, PHANTOM_FILE) is not None


def pull_thumbnails(work: Workspace) -> None:
    """Pull the thumbnails of every batch from the remote."""
    batches = sorted({row.batch for row in read_manifest(work.folder)})
    if batches:
        targets = [str(RAW_FOLDER / batch / "thumbnails.npz") for batch in batches]
        work.dvc.run("pull", *targets)


def pull_images(work: Workspace, files: Sequence[Path]) -> None:
    """Pull some stored images from the remote, by their paths in the workspace."""
    for start in range(0, len(files), _PULLED_AT_ONCE):
        work.dvc.run("pull", *map(str, files[start : start + _PULLED_AT_ONCE]))


def pull_batches(work: Workspace) -> None:
    """Pull every batch of a workspace's data revision.

    `dvc repro --pull` pulls missing dependencies only, and data/raw is never missing: it holds
    the batches' .dvc files.
    """
    batches = sorted({row.batch for row in read_manifest(work.folder)})
    work.dvc.run("pull", *(f"{RAW_FOLDER / batch}.dvc" for batch in batches))
