"""Checkpoints: the whole state of a training on disk, to resume it after a kill.

A file is a sha256, followed by the hashed bytes: `torch.save` of plain tensors and numbers. It is
read without running code from it, and rejected if a byte is missing or changed.
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
    start: str = "",
) -> str:
    """Hex digest of all that a training's result depends on: data, config, torch and this code.

    `start` is the sha256 of the networks that it begins from; "": fresh ones.
    """
    digest = hashlib.sha256()
    for part in (images, labels):
        digest.update(f"{part.dtype} {part.shape}".encode())
        digest.update(np.ascontiguousarray(part).data)
    digest.update(repr((list(classes), str(torch.__version__))).encode())
    digest.update(config.model_dump_json().encode())
    digest.update(start.encode())
    for source in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


class Checkpoints:
    """The checkpoints of one training, in one folder."""

    def __init__(self, folder: Path, key: str) -> None:
        """Use `folder`, created if missing, for the training whose `fingerprint` is `key`."""
        self.folder, self.key = folder, key
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, images_seen: int, state: dict[str, Any]) -> Path:
        """Write the state atomically, then delete all but the newest two checkpoints."""
        stream = io.BytesIO()
        torch.save({"key": self.key, "state": state}, stream)
        data = stream.getvalue()
        file = self.folder / f"checkpoint-{images_seen:012d}.pt"
        _write(file, hashlib.sha256(data).digest() + data)
        for old in self.files()[:-KEPT]:
            old.unlink()
        return file

    def load(self) -> dict[str, Any] | None:
        """The newest intact state, or None; a damaged file is skipped with a warning.

        Raises:
            ValueError: an intact checkpoint belongs to another training.
        """
        for file in reversed(self.files()):
            data = file.read_bytes()
            if hashlib.sha256(data[_DIGEST_BYTES:]).digest() != data[:_DIGEST_BYTES]:
                warnings.warn(f"{file} is truncated or damaged: passed over", stacklevel=2)
                continue
            # To the CPU: this machine may have no GPU, and the learner moves its own tensors.
            stream = io.BytesIO(data[_DIGEST_BYTES:])
            held = torch.load(stream, weights_only=True, map_location="cpu")
            if held["key"] != self.key:
                raise ValueError(
                    f"{file} belongs to another training (key {held['key'][:12]}, this one is "
                    f"{self.key[:12]}: the data, the config or the code differ); use another "
                    f"folder, or remove {self.folder} to start over"
                )
            state: dict[str, Any] = held["state"]
            return state
        return None

    def files(self) -> list[Path]:
        """The checkpoints, oldest first."""
        return sorted(self.folder.glob("checkpoint-*.pt"))

    def clear(self) -> None:
        """Remove every checkpoint, once the training's result is stored elsewhere."""
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
        os.fsync(folder)  # makes the rename durable, not only the bytes
    finally:
        os.close(folder)
