"""Take images out of the newest data revision: their files, thumbnails and rows."""

from collections.abc import Collection, Iterable

from pipeline.data.formats.canonical import THUMBNAILS_FILE, read_thumbnails, write_thumbnails
from pipeline.data.manifest import MANIFEST_FOLDER, RAW_FOLDER, Row, read_manifest, write_batch
from pipeline.data.processed import SPLITS
from pipeline.ledger.ledger import Workspace


def take_out(work: Workspace, images: Collection[str]) -> tuple[int, list[str]]:
    """Remove images from a workspace of the data branch; smaller batches are pushed to the remote.

    Args:
        work: of the data branch.
        images: ids; those that the revision does not hold are passed over.

    Returns:
        How many the revision held, and the paths to commit.
    """
    rows = read_manifest(work.folder)
    batches = sorted({row.batch for row in rows if row.id in images})
    for batch in batches:
        _shrink(work, batch, [row for row in rows if row.batch == batch], images)
    lists = [str(MANIFEST_FOLDER), str(RAW_FOLDER / ".gitignore")] if batches else []
    paths = [*lists, *(f"{RAW_FOLDER / batch}.dvc" for batch in batches)]
    return sum(row.id in images for row in rows), paths


def lacking(rows: Iterable[Row], images: Collection[str]) -> Iterable[str]:
    """Warnings about classes that lack images in a split without some images."""
    rows = list(rows)
    cells = {(row.label, row.split) for row in rows if row.id not in images}
    for label in sorted({row.label for row in rows}):
        missing = [split for split in SPLITS if (label, split) not in cells]
        if missing:
            yield (
                f"class {label} has no image in {', '.join(missing)} any more: the next ingest or "
                "training may fail. Add images of other patients of this class"
            )


def _shrink(work: Workspace, batch: str, rows: Iterable[Row], leaving: Collection[str]) -> None:
    """Remove images from one batch: files, thumbnails and rows; push the smaller batch."""
    folder = work.folder / RAW_FOLDER / batch
    tracked = f"{RAW_FOLDER / batch}.dvc"
    staying = [row for row in rows if row.id not in leaving]
    if not staying:
        work.dvc.run("remove", tracked)
        (work.folder / MANIFEST_FOLDER / f"{batch}.csv").unlink()
        return
    work.dvc.run("pull", tracked)
    thumbnails = read_thumbnails(work.folder, [batch])
    for name in (*(f"{id_}.png" for id_ in leaving), THUMBNAILS_FILE):
        # A file may be a hard link to the cache: unlink it, never overwrite it.
        (folder / name).unlink(missing_ok=True)
    write_thumbnails(folder, {row.id: thumbnails[row.id] for row in staying})
    write_batch(work.folder, batch, staying)
    work.dvc.run("add", str(RAW_FOLDER / batch))
    work.dvc.run("push", tracked)
