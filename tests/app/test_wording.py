"""Errors as words."""

import pytest

from app.wording import plain, without_paths


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/home/ann/state/x/cache/bundle does not load: no", "bundle does not load: no"),
        ("see ~/medloom/state/logs, then go on", "see logs, then go on"),
        ("the layout '/a/b/c.png' cannot be read", "the layout 'c.png' cannot be read"),
        ("images at 1/2 of http://127.0.0.1:5/api and and/or", None),
    ],
)
def test_folders_of_this_machine_are_left_out(text: str, said: str | None) -> None:
    assert without_paths(text) == (text if said is None else said)


def test_what_somebody_typed_is_no_markdown() -> None:
    assert plain("![x](https://e.org/a.png) :red[b] $c$ a_b\n# d") == (
        r"\!\[x\]\(https\:\/\/e\.org\/a\.png\) \:red\[b\] \$c\$ a\_b \# d"
    )
