"""What a run says that its training begins from, in every format."""

import json

import pytest
import yaml

from pipeline.base.errors import BadInputError
from pipeline.base.start import FRESH, ORIGIN_FILE, TRACKED, Start

WARM = Start(3, "a" * 16, "b" * 64, "c" * 64, "d" * 32, 12)
FIRST_FORMAT = {
    "format": 1, "from": "champion", "version": 3, "run_key": "a" * 16, "weights_sha256": "b" * 64,
    "sha256": "c" * 64, "md5": "d" * 32, "bytes": 12,
}  # fmt: skip
"""Spelled out, since runs that were written so must be read by every later version."""


def test_what_is_written_is_read() -> None:
    for start in (FRESH, WARM):
        assert Start.parse(start.files()[str(ORIGIN_FILE)]) == start
    assert json.loads(WARM.files()[str(ORIGIN_FILE)]) == FIRST_FORMAT
    assert json.loads(FRESH.files()[str(ORIGIN_FILE)]) == {"format": 1, "from": "fresh"}
    (out,) = yaml.safe_load(WARM.files()[str(TRACKED)])["outs"]
    assert out == {"md5": "d" * 32, "size": 12, "hash": "md5", "path": "networks.safetensors"}
    assert (FRESH.kind, WARM.kind) == ("fresh", "champion")


def test_a_run_of_before_began_fresh() -> None:
    assert Start.parse(None) == FRESH


def test_what_a_later_version_adds_is_passed_over_and_a_later_format_is_not() -> None:
    assert Start.parse(json.dumps(FIRST_FORMAT | {"more": 1})) == WARM
    with pytest.raises(BadInputError, match="written by a newer medloom: upgrade"):
        Start.parse(json.dumps(FIRST_FORMAT | {"format": 2}))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 1, "from": "champion"}'])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(BadInputError, match=r"start/origin.json cannot be read"):
        Start.parse(text)
