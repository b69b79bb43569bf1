"""All networks of a training on disk, from which another training may go on.

`networks.safetensors` holds every network of a learner at the end of its training: those that
draw, and those that judge, such as a discriminator. It has no state of an optimiser. Consumers do
not get it: a network that judges helps to tell which images were learned from.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from torch import Tensor

from .families.base import Learner
from .network import NetworkConfig
from .weights import read_metadata, read_safetensors, sha256_of

NETWORKS_FILE = "networks.safetensors"
FORMAT_VERSION = 1
_DESCRIPTION = "medloom"  # the one key of the metadata: several would be written in any order


@dataclass(frozen=True)
class Networks:
    """The networks of a finished training.

    Attributes:
        network: the config that they belong to.
        weights: parameters and buffers, by `<network>.<name>`, such as critic.blocks.0.weight.
        sha256: of the file.
    """

    network: NetworkConfig
    weights: dict[str, Tensor]
    sha256: str

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read what `save_networks` wrote.

        Raises:
            ValueError: the file is truncated, damaged or of another format.
        """
        described = json.loads(read_metadata(file).get(_DESCRIPTION, "{}"))
        if (found := described.get("format_version")) != FORMAT_VERSION:
            raise ValueError(
                f"{file}: format_version is {found}; this version of medloom reads {FORMAT_VERSION}"
            )
        network = NetworkConfig.model_validate_json(json.dumps(described["network"]))
        return cls(network, read_safetensors(file), sha256_of(file))


def weights_of(learner: Learner) -> dict[str, Tensor]:
    """A copy of all parameters and buffers of a learner on the CPU, by `<network>.<name>`."""
    return {
        f"{part}.{name}": value.detach().cpu().contiguous().clone()
        for part, network in learner.networks().items()
        for name, value in network.state_dict().items()
    }


def save_networks(file: Path, weights: Mapping[str, Tensor], network: NetworkConfig) -> str:
    """Write networks, from `weights_of`; the same weights give the same bytes.

    Returns:
        The sha256 of the file.
    """
    from safetensors.torch import save_file

    described = {"format_version": FORMAT_VERSION, "network": network.model_dump(mode="json")}
    metadata = {_DESCRIPTION: json.dumps(described)}
    save_file({name: weights[name] for name in sorted(weights)}, file, metadata)
    return sha256_of(file)


def begin_from(learner: Learner, networks: Networks) -> None:
    """Give a new learner the weights of a finished training; optimisers and draws stay new.

    Raises:
        ValueError: they are networks of another family, size, classes or shape.
    """
    ours, theirs = dict(learner.average.config), dict(networks.network)
    differ = [name for name in sorted(ours) if ours[name] != theirs[name]]
    if differ:
        said = "; ".join(f"{name} was {theirs[name]} and is {ours[name]}" for name in differ)
        raise ValueError(f"the networks to begin from are of another shape: {said}")
    expected = {name: value.shape for name, value in _learned(weights_of(learner)).items()}
    found = {name: value.shape for name, value in _learned(networks.weights).items()}
    if expected != found:
        named = sorted(name for name in expected | found if expected.get(name) != found.get(name))
        raise ValueError(
            f"the networks to begin from are of other code: {len(named)} tensors differ in name "
            f"or shape, such as {named[0]}"
        )
    for part, network in learner.networks().items():
        begins = f"{part}."
        of_part = {
            name.removeprefix(begins): value
            for name, value in networks.weights.items()
            if name.startswith(begins)
        }
        network.load_state_dict(of_part)


def _learned(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights without the bank of layouts: statistics of the data, which a training fills anew."""
    return {name: value for name, value in weights.items() if ".bank." not in name}
