import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from model.families import make_generator
from model.network import NetworkConfig
from model.weights import read_config, read_safetensors, save_generator, sha256_of

DTYPES = [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.uint8]
NETWORK = NetworkConfig(
    family="rpgan", image_size=32, classes=("cyst", "stone"), latent=4, widths=(8, 8, 8)
)


def test_the_reader_equals_the_library(tmp_path: Path) -> None:
    tensors = {f"t{i}": (torch.randn(3, i + 1) * 9).to(dtype) for i, dtype in enumerate(DTYPES)}
    tensors |= {"scalar": torch.tensor(2.5), "empty": torch.zeros(0, 3), "b": torch.ones(2) > 0}
    file = tmp_path / "x.safetensors"
    save_file(tensors, file, {"note": "kept apart"})
    ours, theirs = read_safetensors(file), load_file(file)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert ours[name].dtype == value.dtype
        assert torch.equal(ours[name], value)


@pytest.mark.parametrize("kept", [0, 5, 40, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, kept: int) -> None:
    file = tmp_path / "x.safetensors"
    save_file({"a": torch.ones(8)}, file)
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(ValueError, match="truncated"):
        read_safetensors(file)


def test_another_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    file.write_bytes((4).to_bytes(8, "little") + b"nope")
    with pytest.raises(ValueError, match="not JSON"):
        read_safetensors(file)
    header = json.dumps({"a": {"dtype": "F8", "shape": [1], "data_offsets": [0, 1]}}).encode()
    file.write_bytes(len(header).to_bytes(8, "little") + header + b"x")
    with pytest.raises(ValueError, match="F8"):
        read_safetensors(file)


def test_the_same_weights_give_the_same_bytes(tmp_path: Path) -> None:
    weights = make_generator(NETWORK).state_dict()
    backwards = dict(reversed(weights.items()))
    first = save_generator(tmp_path / "a", weights, NETWORK)
    assert first == save_generator(tmp_path / "b", backwards, NETWORK)
    assert first == sha256_of(tmp_path / "a" / "generator.safetensors")
    for name in ("generator.safetensors", "config.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert read_config(tmp_path / "a") == (NETWORK, first)


def test_a_config_of_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"format_version": 9}')
    with pytest.raises(ValueError, match="9"):
        read_config(tmp_path)


def test_a_config_says_what_is_made_only_where_something_is(tmp_path: Path) -> None:
    """So that configs without it are written as they always were, and those are read."""
    assert "made" not in NETWORK.model_dump(mode="json")
    assert "made" not in json.loads(NETWORK.model_dump_json())
    save_generator(tmp_path, make_generator(NETWORK).state_dict(), NETWORK)
    assert read_config(tmp_path)[0].made == ()
    made = NETWORK.model_copy(update={"family": "pggan", "made": ("stone",)})
    save_generator(tmp_path, make_generator(made).state_dict(), made)
    assert read_config(tmp_path)[0] == made
