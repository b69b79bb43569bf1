"""Draw a fixed set of the champion's images again, and compare them with those of the first time.

An image is its pixels: as in `medloom verify-image`, one that differs in a single grey level
differs. The set is drawn by one thread, so that another number of threads is no change. The hashes
are in the record; the pixels are in the remote, and only say how far apart images are that differ.
"""

import hashlib
import json
import platform
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.ledger.remote_files import RemoteFiles
from pipeline.monitor.record import MonitorRecord, Redraw
from pipeline.registry.generators import Generators, Version

SEED = 20_000_101
"""Seed of the images that are drawn again; any number, for good."""
Images = Mapping[str, NDArray[np.uint8]]
Draw = Callable[[str, int], NDArray[np.uint8]]
"""Draws the first images, uint8 [N, H, W], of a class."""


@dataclass(frozen=True)
class Reference:
    """Images that later ones are compared with.

    Attributes:
        record: number of the record that they are of; 0: there are none.
        pixels: sha256 by name.
        host: that drew them.
    """

    record: int = 0
    pixels: Mapping[str, str] | None = None
    host: Mapping[str, str] | None = None


def reference_of(records: Sequence[MonitorRecord], weights_sha256: str) -> Reference:
    """The newest images that a person accepted of some weights, or else the first."""
    for record in reversed(records):
        one = record.redraw
        if one and one.weights_sha256 == weights_sha256 and one.state in ("first", "accepted"):
            return Reference(record.sequence, one.pixels, one.host)
    return Reference()


def redraw(
    project: Project,
    version: Version,
    records: Sequence[MonitorRecord],
    count: int,
    accept: str = "",
) -> Redraw:
    """Draw a version's set again.

    Args:
        project: the project.
        version: the champion.
        records: of the monitor, oldest first.
        count: images of each class.
        accept: why what is drawn now is the new reference; "": it is compared.

    Raises:
        TransientError: the remote cannot be reached.
    """
    generators = Generators(project)
    try:
        with _one_thread():
            images = _set_of(generators, version.number, count)
    except BadInputError as error:
        return Redraw(
            state="failed", version=version.number, weights_sha256=version.weights_sha256,
            host=describe_host(), why=str(error),
        )  # fmt: skip
    before = reference_of(records, version.weights_sha256)
    stored = _Pixels(project, version.weights_sha256)
    then = {} if accept or not before.pixels else stored.fetch(before.pixels)
    found = compared(version, images, before, describe_host(), then, accept)
    if found.state in ("first", "accepted"):
        stored.put(found.pixels, images)
    return found


def _set_of(generators: Generators, version: int, count: int) -> Images:
    """The set of a version; of one that is given images, what it makes of computed ones."""
    spec = generators.output_spec(version)
    if spec.draws:
        return draw_set(
            lambda label, n: generators.draw(version, [label] * n, SEED), spec.classes, count
        )
    # Imports torch, as drawing does.
    from model.tasks import task_named, work_of

    given = work_of(task_named(spec.task)).example(spec.given_size)
    made = generators.make(version, given)
    return {f"example-{index}": image for index, image in enumerate(made)}


def draw_set(draw: Draw, classes: Sequence[str], count: int) -> Images:
    """The images of the set, by class and index, as stone-0."""
    return {
        f"{label}-{index}": image
        for label in classes
        for index, image in enumerate(draw(label, count))
    }


def compared(
    version: Version,
    images: Images,
    before: Reference,
    host: Mapping[str, str],
    then: Images,
    accept: str = "",
) -> Redraw:
    """Compare images that were drawn now with those of a reference.

    Args:
        version: that drew them.
        images: of now, by name.
        before: the reference.
        host: that drew them now.
        then: pixels of the reference; those that are lost are missing.
        accept: why the images of now are the new reference; "": they are not.
    """
    pixels = {name: _sha256(image) for name, image in images.items()}
    known = before.pixels or {}
    differing = [name for name in pixels if name in known and pixels[name] != known[name]]
    compares = bool(set(pixels) & set(known)) and not accept
    was = before.host or {}
    changed = {
        name: [was.get(name, "?"), host.get(name, "?")]
        for name in sorted({*was, *host})
        if was.get(name) != host.get(name)
    }
    share, most = _apart([(images[name], then[name]) for name in differing if name in then])
    state = "differs" if differing else "equal"
    if not compares:
        state = "accepted" if accept else "first"
    return Redraw(
        state=state,
        version=version.number,
        weights_sha256=version.weights_sha256,
        pixels=pixels,
        host=dict(host),
        against=before.record if compares else 0,
        differing=differing if compares else [],
        changed=changed if compares else {},
        share_apart=share if compares else None,
        most_apart=most if compares else None,
        why=accept,
    )


def describe_host() -> dict[str, str]:
    """What the pixels of a draw may depend on."""
    import torch

    from model.runtime import processor_name

    return {
        "name": socket.gethostname(),
        "processor": processor_name("cpu"),
        "cpu capability": torch.backends.cpu.get_cpu_capability(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _sha256(image: NDArray[np.uint8]) -> str:
    """As ids of images: over dtype, shape and pixels."""
    told = f"{image.dtype.str} {image.shape} ".encode()
    return hashlib.sha256(told + np.ascontiguousarray(image).tobytes()).hexdigest()


def _apart(
    pairs: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]],
) -> tuple[float | None, int | None]:
    """Share of the pixels of pairs that differ, and by how many grey levels at most."""
    if not pairs or any(now.shape != then.shape for now, then in pairs):
        return None, None
    apart = np.stack([np.abs(now.astype(int) - then.astype(int)) for now, then in pairs])
    return float(np.count_nonzero(apart) / apart.size), int(apart.max())


@contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Pixels:
    """The pixels of references, in the remote; they may be lost."""

    def __init__(self, project: Project, weights_sha256: str) -> None:
        self._remote, self._weights = project.remote, weights_sha256

    def _name(self, pixels: Mapping[str, str]) -> str:
        digest = hashlib.sha256(json.dumps(dict(pixels), sort_keys=True).encode()).hexdigest()
        return f"redraws/{self._weights[:16]}-{digest[:16]}.npz"

    def put(self, pixels: Mapping[str, str], images: Images) -> None:
        with TemporaryDirectory(prefix="medloom-redraw-") as folder:
            file = Path(folder) / "images.npz"
            with file.open("wb") as stream:
                np.savez_compressed(stream, allow_pickle=False, **images)
            RemoteFiles(self._remote).put(file, self._name(pixels))

    def fetch(self, pixels: Mapping[str, str]) -> Images:
        with TemporaryDirectory(prefix="medloom-redraw-") as folder:
            file = Path(folder) / "images.npz"
            if not RemoteFiles(self._remote).fetch(self._name(pixels), file):
                return {}
            with np.load(file, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
