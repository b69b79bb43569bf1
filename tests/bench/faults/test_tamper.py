"""Whatever one store's keeper changes, `verify` names it."""

import pytest

from bench.faults.tamper import HARMS, Victim, named, tamper
from pipeline.audit.verify import verify
from tests.support.tiny import Tiny


@pytest.mark.parametrize("harm", HARMS)
def test_harm_is_found_and_named(tiny: Tiny, harm: str) -> None:
    broken = tamper(Victim(tiny.project), tiny.registry, harm)
    assert named(harm, broken), broken


def test_every_harm_was_undone(tiny: Tiny) -> None:
    found = verify(tiny.ledger, tiny.registry, None, (), lambda *_: None)
    assert found.whole, found.facts()
