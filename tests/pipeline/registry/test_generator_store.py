"""Stored generators: hashed once, and again if their files change."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.base.errors import BadInputError
from pipeline.registry import generator_store as module
from pipeline.registry.generator_store import GeneratorStore

SHA256 = hashlib.sha256(b"weights").hexdigest()


def fetch(folder: Path) -> Path:
    for name, text in (("generator/generator.safetensors", "weights"), ("code/a.py", "pass")):
        (folder / "bundle" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "bundle" / name).write_text(text)
    return folder / "bundle"


def no_fetch(folder: Path) -> Path:
    raise AssertionError("it is here already")


@pytest.fixture
def store(tmp_path: Path) -> GeneratorStore:
    return GeneratorStore(tmp_path / "generators")


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were hashed."""
    names: list[str] = []
    real: Callable[[Path], str] = module._sha256

    def counted(file: Path) -> str:
        names.append(file.name)
        return real(file)

    monkeypatch.setattr(module, "_sha256", counted)
    return names


def test_what_was_hashed_once_is_not_read_again(store: GeneratorStore, hashed: list[str]) -> None:
    assert store.find(SHA256) is None
    bundle = store.add(SHA256, fetch)
    assert bundle == store.folder / SHA256
    assert "generator.safetensors" in hashed
    hashed.clear()
    assert store.find(SHA256) == store.add(SHA256, no_fetch) == bundle
    assert hashed == []


@pytest.mark.parametrize("name", ["generator/generator.safetensors", "code/a.py"])
def test_a_changed_file_is_noticed_and_fetched_anew(store: GeneratorStore, name: str) -> None:
    file = store.add(SHA256, fetch) / name
    text = file.read_text()
    file.write_text(text[::-1])
    assert store.find(SHA256) is None
    assert store.add(SHA256, fetch) / name == file
    assert file.read_text() == text


def test_a_file_that_came_later_is_noticed(store: GeneratorStore) -> None:
    (store.add(SHA256, fetch) / "code" / "b.py").write_text("pass")
    assert store.find(SHA256) is None


def test_a_copied_cache_is_hashed_once_more(store: GeneratorStore, hashed: list[str]) -> None:
    bundle = store.add(SHA256, fetch)
    os.utime(bundle / "code" / "a.py", (0, 0))
    hashed.clear()
    assert store.find(SHA256) == bundle
    assert sorted(hashed) == ["a.py", "generator.safetensors"]
    hashed.clear()
    assert store.find(SHA256) == bundle
    assert hashed == []


def test_what_python_leaves_beside_the_code_is_no_change(store: GeneratorStore) -> None:
    bundle = store.add(SHA256, fetch)
    (bundle / "code" / "__pycache__").mkdir()
    (bundle / "code" / "__pycache__" / "a.cpython-311.pyc").write_bytes(b"x")
    assert store.find(SHA256) == bundle


def test_other_weights_are_refused_and_nothing_is_kept(store: GeneratorStore) -> None:
    with pytest.raises(BadInputError, match=f"expected is {'0' * 12}.*audit verify"):
        store.add("0" * 64, fetch)
    assert store.find("0" * 64) is None


def test_a_kill_in_between_is_made_good(store: GeneratorStore) -> None:
    (store.folder / "new" / "bundle").mkdir(parents=True)
    (store.folder / "new" / "bundle" / "half").write_text("of it")
    bundle = store.add(SHA256, fetch)
    assert not (bundle / "half").exists()
    (bundle / module.CHECKED).write_text("")
    assert store.find(SHA256) is None
