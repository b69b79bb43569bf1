"""Boxes and masks in the manifest's column."""

import numpy as np
import pytest

from pipeline.base.errors import BadInputError
from pipeline.data.findings import (
    Finding,
    decode_mask,
    encode_mask,
    finding_of_mask,
    findings_text,
    parse_findings,
)


def test_not_looked_at_and_nothing_found_are_two_things() -> None:
    assert parse_findings("") is None
    assert findings_text(None) == ""
    assert parse_findings("[]") == ()
    assert findings_text(()) == "[]"


def test_findings_are_written_sorted_and_read_again() -> None:
    mask = np.zeros((7, 9), np.bool_)
    mask[2:4, 3:8] = mask[5, 4] = True
    found = (Finding("stone", (1.5, 2.0, 3.25, 4.0)), finding_of_mask("cyst", mask))
    text = findings_text(found)
    assert text == findings_text(reversed(found))
    assert '"box":[1.5,2,3.25,4]' in text
    cyst, stone = parse_findings(text) or ()
    assert (cyst, stone) == (found[1], found[0])
    assert (cyst.box, cyst.size) == ((3.0, 2.0, 8.0, 6.0), (5.0, 4.0))
    np.testing.assert_array_equal(cyst.pixels(7, 9), mask)
    assert stone.pixels(7, 9) is None


def test_keys_of_a_later_version_are_passed_over() -> None:
    (one,) = parse_findings('[{"kind":"stone","box":[0,0,2,2],"sure":0.5}]') or ()
    assert one == Finding("stone", (0.0, 0.0, 2.0, 2.0))


@pytest.mark.parametrize(
    "text",
    ["no", "{}x", '[{"kind":"stone"}]', '[{"kind":"Stone!","box":[0,0,1,1]}]',
     '[{"kind":"stone","box":[0,0,0,1]}]', '[{"kind":"stone","box":[0,0,1]}]',
     '[{"kind":"stone","box":[0,0,1,NaN]}]', '[{"kind":"stone","box":[0,0,1,1],"mask":7}]'],
)  # fmt: skip
def test_what_is_no_list_of_findings_is_refused(text: str) -> None:
    with pytest.raises(BadInputError, match="cannot be read"):
        parse_findings(text)


def test_a_mask_in_code_is_the_mask_again() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        height, width = rng.integers(1, 40, 2)
        mask = rng.random((height, width)) > rng.random()
        np.testing.assert_array_equal(decode_mask(encode_mask(mask), height, width), mask)


@pytest.mark.parametrize("counts", ["", "P", "o" * 9, "Pe0ooooooooo1", "é", "0" * 8, "51a01D"])
def test_a_mask_of_another_size_or_damaged_is_refused(counts: str) -> None:
    with pytest.raises(BadInputError, match="not of an image of 9x7"):
        decode_mask(counts, 7, 9)


def test_an_empty_mask_is_no_finding() -> None:
    with pytest.raises(BadInputError, match="kind stone is empty"):
        finding_of_mask("stone", np.zeros((4, 4), np.bool_))
