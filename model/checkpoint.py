"""The whole state of a training on disk, so that a killed one goes on as if nothing happened.

A file is a sha256 of what follows and then `torch.save` of plain tensors and numbers: read back
without running code from it, and refused when a byte is missing or changed.
"""

import hashlib
import io
import os
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .config import TrainConfig

KEPT = 2
"""Checkpoints kept: the newest, and the one before it in case a disk damaged the newest."""

_DIGEST_BYTES = hashlib.sha256().digest_size


def fingerprint(
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    config: TrainConfig,
) -> str:
    """What decides a training's result, as a hex digest: data, recipe, torch and this code."""
    digest = hashlib.sha256()
    for part in (images, labels):
        digest.update(f"{part.dtype} {part.shape}".encode())
        digest.update(np.ascontiguousarray(part).data)
    digest.update(repr((list(classes), str(torch.__version__))).encode())
    digest.update(config.model_dump_json().encode())
    for source in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


class Checkpoints:
    """The checkpoints of one training, in one folder."""

    def __init__(self, folder: Path, key: str) -> None:
        """Use `folder`, made when missing, for the training whose `fingerprint` is `key`."""
        self.folder, self.key = folder, key
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, images_seen: int, state: dict[str, Any]) -> Path:
        """Write the state whole or not at all, then forget all but the newest two."""
        stream = io.BytesIO()
        torch.save({"key": self.key, "state": state}, stream)
        data = stream.getvalue()
        file = self.folder / f"checkpoint-{images_seen:012d}.pt"
        _write(file, hashlib.sha256(data).digest() + data)
        for old in self.files()[:-KEPT]:
            old.unlink()
        return file

    def load(self) -> dict[str, Any] | None:
        """The newest state that is whole, or None; a damaged file is passed over with a warning.

        Raises:
            ValueError: a whole checkpoint belongs to another training.
        """
        for file in reversed(self.files()):
            data = file.read_bytes()
            if hashlib.sha256(data[_DIGEST_BYTES:]).digest() != data[:_DIGEST_BYTES]:
                warnings.warn(f"{file} is truncated or damaged: passed over", stacklevel=2)
                continue
            # To the CPU, as the machine that goes on may have no GPU; a learner places its own.
            stream = io.BytesIO(data[_DIGEST_BYTES:])
            held = torch.load(stream, weights_only=True, map_location="cpu")
            if held["key"] != self.key:
                raise ValueError(
                    f"{file} belongs to another training (key {held['key'][:12]}, this one is "
                    f"{self.key[:12]}: the data, the config or the code differ); give another "
                    f"folder, or remove {self.folder} to start over"
                )
            state: dict[str, Any] = held["state"]
            return state
        return None

    def files(self) -> list[Path]:
        """The checkpoints, oldest first."""
        return sorted(self.folder.glob("checkpoint-*.pt"))

    def clear(self) -> None:
        """Remove every checkpoint: the training is done and its result is kept elsewhere."""
        for file in (*self.files(), *self.folder.glob(".checkpoint-*")):
            file.unlink()


def _write(file: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".checkpoint-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name itself, not only the bytes
    finally:
        os.close(folder)
