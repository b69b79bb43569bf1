"""A generator on disk: `generator.safetensors` and its `config.json`.

Reading needs only torch and the standard library, because the reader is shipped to machines
without the safetensors library. The format (huggingface/safetensors): eight bytes, little-endian,
the length of a JSON header; the header, name -> dtype, shape, data_offsets; the raw bytes.
"""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .network import NetworkConfig

WEIGHTS_FILE = "generator.safetensors"
CONFIG_FILE = "config.json"
FORMAT_VERSION = 1

_LENGTH_BYTES = 8
_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


def read_safetensors(file: Path) -> dict[str, Tensor]:
    """Every tensor of a safetensors file, by name.

    Raises:
        ValueError: the file is truncated, has another format, or has an unknown dtype.
    """
    data = file.read_bytes()
    header, body = _split(file, data)
    header.pop("__metadata__", None)
    return {name: _tensor(file, name, entry, body) for name, entry in sorted(header.items())}


def read_metadata(file: Path) -> dict[str, str]:
    """The texts that a safetensors file says of itself; empty if it says nothing.

    Raises:
        ValueError: the file is truncated or has another format.
    """
    header, _ = _split(file, file.read_bytes())
    found = header.get("__metadata__", {})
    return {str(name): str(text) for name, text in found.items()}


def _split(file: Path, data: bytes) -> tuple[dict[str, Any], bytearray]:
    end = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")
    if len(data) < _LENGTH_BYTES or end > len(data):
        raise ValueError(f"{file}: not a safetensors file, or truncated ({len(data)} bytes)")
    try:
        header = json.loads(data[_LENGTH_BYTES:end])
    except ValueError as error:
        raise ValueError(f"{file}: the safetensors header is not JSON: {error}") from error
    if not isinstance(header, dict):
        raise ValueError(f"{file}: the safetensors header is not an object")  # noqa: TRY004
    return header, bytearray(data[end:])


def _tensor(file: Path, name: str, entry: Any, body: bytearray) -> Tensor:
    try:
        dtype, shape = _DTYPES[entry["dtype"]], [int(side) for side in entry["shape"]]
        start, end = entry["data_offsets"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{file}: cannot read tensor {name!r} described as {entry}; "
            f"supported dtypes: {', '.join(_DTYPES)}"
        ) from error
    if not 0 <= start <= end <= len(body) or end - start != math.prod(shape) * dtype.itemsize:
        raise ValueError(
            f"{file}: truncated or damaged: tensor {name!r} of shape {shape} is at bytes "
            f"{start} to {end} of {len(body)}"
        )
    if start == end:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(body[start:end], dtype=dtype).reshape(shape)


def sha256_of(file: Path) -> str:
    """Hex digest of a file; that of `generator.safetensors` is the model's identity."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def save_generator(folder: Path | str, weights: dict[str, Tensor], network: NetworkConfig) -> str:
    """Write weights and config; the same weights give the same bytes.

    Returns:
        The sha256 of `generator.safetensors`, which is also in config.json.
    """
    from safetensors.torch import save_file

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / WEIGHTS_FILE
    save_file({name: weights[name].detach().contiguous() for name in sorted(weights)}, file)
    identity = sha256_of(file)
    described = {
        "format_version": FORMAT_VERSION,
        "sha256": identity,
        "network": network.model_dump(mode="json"),
    }
    (folder / CONFIG_FILE).write_text(json.dumps(described, indent=2) + "\n")
    return identity


def read_config(folder: Path) -> tuple[NetworkConfig, str]:
    """The network's config and the sha256 its weights must have.

    Raises:
        ValueError: the file is of another format, or a field is missing or out of range.
    """
    file = folder / CONFIG_FILE
    described = json.loads(file.read_text())
    found = described.get("format_version")
    if found != FORMAT_VERSION:
        raise ValueError(
            f"{file}: format_version is {found}; this version of medloom reads {FORMAT_VERSION}"
        )
    network = NetworkConfig.model_validate_json(json.dumps(described["network"]))
    return network, str(described["sha256"])
