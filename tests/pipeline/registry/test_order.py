"""What is drawn, as an address and a command line name it."""

import pytest

from pipeline.base.errors import BadInputError
from pipeline.registry.asked import Asked, Size
from pipeline.registry.order import Order

ADDRESS = {"version": "3", "label": "3*cyst+stone"}


def test_an_address_names_an_order() -> None:
    told = ADDRESS | {"n": "5", "seed": "7", "truncation": "0.7", "findings": "2", "size": "3-6px"}
    asked = Asked(2, "", Size.parse("3-6px"))
    assert Order.of_address(told) == Order(3, "3*cyst+stone", 5, 7, 0.7, asked)
    assert Order.of_address(ADDRESS | {"view": "Two"}) == Order(3, "3*cyst+stone")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": "champion"}, "names no version"),
        ({"label": ""}, "names no version and label"),
        ({"n": "65"}, "n is 65; allowed are 1 to 64"),
        ({"seed": "x"}, "seed is 'x', which is not a number"),
        ({"size": "big"}, "such as 4px"),
    ],
)
def test_an_address_that_names_none_is_refused(change: dict[str, str], said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        Order.of_address(ADDRESS | change)


def test_the_command_line_draws_the_same() -> None:
    order = Order(3, "cyst", 5, 7, 0.7, Asked(2, "cyst", Size.parse("4px")))
    assert " ".join(order.options) == (
        "--version 3 --label cyst -n 5 --seed 7 --truncation 0.7 --findings 2 --kind cyst "
        "--size 4px"
    )
