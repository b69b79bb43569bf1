"""Versions that are generators of this process, without a ledger or a registry."""

import pytest

from model import sampling
from model.families.base import Generator
from pipeline.registry.bundle import LoadedBundle
from pipeline.registry.generators import Generators, Version


def serve(monkeypatch: pytest.MonkeyPatch, generator: Generator) -> None:
    """Every version of every project is this generator, with this checkout's code."""
    version = Version(3, ("champion",), "0" * 64, "k")
    bundle = LoadedBundle(sampling, generator)
    monkeypatch.setattr(Generators, "find", lambda self, asked: version)
    monkeypatch.setattr(Generators, "_load", lambda self, found: bundle)
