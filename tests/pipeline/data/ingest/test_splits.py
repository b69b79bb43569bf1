from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.ingest.splits import SplitBook
from pipeline.data.processed import SPLITS

SHARES = {"train": 0.7, "val": 0.15, "test": 0.15}
names = st.lists(st.text("abcdef0123456789", min_size=4, max_size=8), unique=True, max_size=120)


@given(names)
def test_one_class_is_never_far_from_its_target(groups: list[str]) -> None:
    book = SplitBook(SHARES)
    counts = Counter(book.place(group, ["cyst"]) for group in groups)
    for split, share in SHARES.items():
        assert abs(counts[split] - share * len(groups)) < 1.5
    if len(groups) >= 3:
        assert book.lacking(["cyst"]) == []


@given(names, st.integers(0, 120))
def test_two_ingests_place_as_one_does(groups: list[str], cut: int) -> None:
    whole, first, second = SplitBook(SHARES), SplitBook(SHARES), SplitBook(SHARES)
    at_once = [whole.place(group, ["cyst"]) for group in groups]
    placed = [first.place(group, ["cyst"]) for group in groups[:cut]]
    for split in placed:
        second.add(["cyst"], split)
    assert at_once == placed + [second.place(group, ["cyst"]) for group in groups[cut:]]


def test_the_first_three_groups_fill_the_three_splits() -> None:
    book = SplitBook(SHARES)
    splits = [book.place(f"g{n}", ["stone"]) for n in range(3)]
    assert splits[0] == "train"
    assert sorted(splits) == sorted(SPLITS)


def test_classes_are_counted_apart_and_a_mixed_group_counts_for_each() -> None:
    book = SplitBook(SHARES)
    book.place("mixed", ["cyst", "stone"])
    assert book.place("c", ["cyst"]) in ("val", "test")
    assert book.place("t", ["tumor"]) == "train"
    assert (book.groups("cyst"), book.groups("stone"), book.groups("tumor")) == (2, 1, 1)


@pytest.mark.parametrize("missing", SPLITS)
def test_a_new_group_goes_where_the_class_is_missing(missing: str) -> None:
    book = SplitBook(SHARES)
    for split in SPLITS:
        if split != missing:
            book.add(["cyst"], split)
    assert book.lacking(["cyst"]) == [("cyst", missing)]
    assert book.place("new", ["cyst"]) == missing
