"""What stays is not searched for garbage; what ended is freed at the next chance."""

import gc
import sys
import weakref
from collections.abc import Iterator
from types import ModuleType

import pytest

from app import memory


class Session:
    """Something in a circle, which counting references alone does not free."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _thawed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(memory, "_settled", 0)
    yield
    gc.unfreeze()
    gc.collect()
    gc.freeze()  # as it was after the tests were collected


def test_what_is_there_is_left_out_of_later_searches_until_modules_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = Session()
    ended, before = weakref.ref(session), gc.get_freeze_count()
    memory.settle()
    assert gc.get_freeze_count() != before
    del session
    memory.settle()
    gc.collect()
    assert ended(), "no module came, so nothing was searched again"
    monkeypatch.setitem(sys.modules, "one_more", ModuleType("one_more"))
    memory.settle()
    assert ended() is None
