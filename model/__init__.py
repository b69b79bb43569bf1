"""The generator: train it, save it, draw from it. No service and no file format library.

Names are imported on first use (PEP 562), so drawing images from a shipped generator imports only
torch, numpy and pydantic.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "Checkpoints": "checkpoint",
    "Generator": "families.base",
    "Judgement": "validation",
    "Layouts": "layouts",
    "NetworkConfig": "network",
    "Progress": "progress",
    "Recipe": "families.recipe",
    "Sampled": "sampling",
    "Section": "section",
    "Stopped": "progress",
    "TrainConfig": "config",
    "TrainResult": "training",
    "between": "sampling",
    "draw_layouts": "sampling",
    "enlarge": "sampling",
    "fingerprint": "checkpoint",
    "fit": "training",
    "fuse": "sampling",
    "interpolate": "sampling",
    "label_maps": "layouts",
    "layouts_of": "layouts",
    "load_generator": "sampling",
    "made_layouts": "sampling",
    "make_judge": "validation",
    "read_safetensors": "weights",
    "sample": "sampling",
    "save_generator": "weights",
}

__all__ = sorted(_HOME)  # noqa: PLE0605 - the one table above is the list of names


def __getattr__(name: str) -> Any:
    """Import the module that defines `name` and hand the name on."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {__all__}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
