"""The settings of an extractor, and what its metrics may be called."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from model.extractors import (
    EFFLITE0_SHA256,
    INCEPTION_SHA256,
    RADIOMICS_SHA256,
    ExtractorConfig,
    metric_name,
)

OTHER = "0" * 64


def config(**given: object) -> ExtractorConfig:
    return ExtractorConfig.model_validate(given)


def test_the_published_hash_is_the_default_of_each() -> None:
    assert config().sha256 == EFFLITE0_SHA256
    assert config(name="inception", path="x.pth").sha256 == INCEPTION_SHA256
    assert config(name="radiomics").sha256 == RADIOMICS_SHA256


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "vgg"}, "'efflite0', 'inception' or 'radiomics'"),
        ({"name": "inception"}, "inception needs path.*allow_download: true"),
        (
            {"name": "inception", "path": "x", "sha256": EFFLITE0_SHA256},
            f"sha256 is that of efflite0; inception has {INCEPTION_SHA256}",
        ),
        ({"name": "radiomics", "path": "x"}, "path is x.*leave it null"),
        ({"name": "radiomics", "sha256": OTHER}, "not that of.*" + RADIOMICS_SHA256),
        ({"allow_download": True}, "efflite0 is never downloaded"),
        ({"sha256": "abc"}, "pattern"),
    ],
)
def test_what_does_not_fit_together_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        config(**given)


def test_only_the_one_network_with_its_one_file_makes_a_fid() -> None:
    inception = config(name="inception", path="x")
    assert metric_name("fd", inception) == ("FID", "fid_inception")
    assert metric_name("kd", inception) == ("KID", "kid_inception")
    altered = config(name="inception", path="x", sha256=OTHER)
    assert metric_name("fd", altered) == ("FD-Inception", "fd_inception")
    assert metric_name("kd", config()) == ("KD-EffLite0", "kd_efflite0")
    assert metric_name("kd", config(sha256=OTHER)).display == "KD-EffLite0"
    assert metric_name("fd", config(name="radiomics")) == ("FD-radiomics", "fd_radiomics")


def test_settings_and_names_need_no_torch() -> None:
    code = "import sys, model.extractors; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
