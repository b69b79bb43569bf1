"""All parts of `medloom bench scale`, in a temporary folder."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from bench.scale.history import in_history
from bench.scale.images import in_images
from bench.scale.in_airflow import in_airflow
from bench.scale.row import ScaleRow, Sizes
from pipeline.base.errors import BadInputError

Say = Callable[[str], None]
PARTS: dict[str, Callable[[Sizes, Path, Say], Iterator[ScaleRow]]] = {
    "airflow": in_airflow,
    "history": in_history,
    "images": in_images,
}
"""What can be measured by itself: Airflow; a ledger with its registry and the app; real images."""


def measure_scale(sizes: Sizes, parts: Iterable[str], say: Say) -> Iterator[ScaleRow]:
    """Measure parts, each in a folder that is removed after it.

    Raises:
        BadInputError: there is no such part, or a revision would have no image.
        MedloomError: a command or a service failed.
    """
    chosen = list(parts) or list(PARTS)
    if unknown := sorted(set(chosen) - set(PARTS)):
        raise BadInputError(f"no part {', '.join(unknown)}; known: {', '.join(PARTS)}")
    if sizes.images < sizes.revisions:
        raise BadInputError(
            f"{sizes.images} images are not one for each of {sizes.revisions} revisions"
        )
    for part in chosen:
        with tempfile.TemporaryDirectory(prefix=f"medloom-scale-{part}-") as folder:
            yield from PARTS[part](sizes, Path(folder), say)
