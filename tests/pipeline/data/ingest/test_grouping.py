import hashlib
from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.data.formats import Pixels
from pipeline.data.formats.canonical import shrink, thumbnail
from pipeline.data.ingest.grouping import (
    Grouping,
    Member,
    correlations,
    group_images,
    normalise,
)
from pipeline.data.names import Pseudonyms
from tests.support.pictures import between, picture, sibling

THRESHOLD = 0.96

NAMES = Pseudonyms(b"a key of the tests, and of nothing else")


def member(pixels: Pixels, label: str = "cyst", group: str = "") -> Member:
    id_ = hashlib.sha256(pixels.tobytes()).hexdigest()
    return Member(id_, label, thumbnail(shrink(pixels)), group)


def run(
    new: list[Member], old: list[Member] | None = None, splits: Mapping[str, str] | None = None
) -> Grouping:
    return group_images(new, old or [], splits or {}, THRESHOLD)


def test_look_alikes_share_a_group_whatever_their_gain_and_depth() -> None:
    base = picture(1)
    darker = (base // 2 + 20).astype(np.uint8)
    deep = member(base.astype(np.uint16) * 100)
    found = run([member(base), member(sibling(base, 1)), member(darker), deep, member(picture(2))])
    sizes = sorted(list(found.groups.values()).count(g) for g in set(found.groups.values()))
    assert sizes == [1, 4]
    assert all(group.startswith("pixels-") for group in found.groups.values())


def test_the_order_of_arrival_within_a_batch_does_not_matter() -> None:
    members = [member(sibling(picture(n % 4), n)) for n in range(16)]
    assert run(members) == run(members[::-1])


def test_a_chain_of_neighbours_is_one_group() -> None:
    a, b = picture(1), picture(2)
    steps = [(a + (b.astype(float) - a) * t).astype(np.uint8) for t in np.linspace(0, 1, 20)]
    assert len(set(run([member(step) for step in steps]).groups.values())) == 1
    assert len(set(run([member(a), member(b)]).groups.values())) == 2


def test_classes_are_never_joined() -> None:
    base = picture(1)
    found = run([member(base), member(sibling(base, 1), "stone")])
    assert len(set(found.groups.values())) == 2


def test_patients_are_their_own_groups_even_when_they_look_alike() -> None:
    base, ann, bob = picture(1), NAMES.patient("ann"), NAMES.patient("bob")
    one, two = member(base, group=ann), member(sibling(base, 1), group=bob)
    far = member(picture(9), group=ann)
    found = run([one, two, far])
    assert [found.groups[m.id] for m in (one, two, far)] == [ann, bob, ann]
    assert found.components[one.id] != found.components[two.id]
    assert ann.startswith("patient-")
    assert "ann" not in ann.removeprefix("patient-")


def test_a_new_image_joins_the_existing_group_it_resembles() -> None:
    base = picture(1)
    old = member(base, group="pixels-old")
    new = member(sibling(base, 1))
    found = run([new], [old], {"pixels-old": "val"})
    assert found.groups == {new.id: "pixels-old"}


def test_a_patient_that_resembles_a_written_group_shares_its_split_and_keeps_its_name() -> None:
    base, ann = picture(1), NAMES.patient("ann")
    near, far = member(sibling(base, 1), group=ann), member(picture(5), group=ann)
    found = run([near, far], [member(base, group="pixels-old")], {"pixels-old": "test"})
    assert found.groups == {near.id: ann, far.id: ann}
    assert set(found.components.values()) == {"pixels-old"}


def test_an_image_of_a_patient_that_resembles_another_split_is_a_bridge() -> None:
    base, ann = picture(1), NAMES.patient("ann")
    old = [member(base, group="pixels-old"), member(picture(5), group=ann)]
    new, other = member(sibling(base, 1), group=ann), member(picture(6), group=ann)
    found = run([new, other], old, {"pixels-old": "test", ann: "train"})
    assert found.bridges == {new.id: (ann, "pixels-old")}
    assert found.groups == {other.id: ann}


def bridge_of(splits: dict[str, str]) -> tuple[Grouping, Member]:
    left, right, centre = between(1)
    old = [member(left, group="pixels-a"), member(right, group="pixels-b")]
    alone = group_images([member(left), member(right)], [], {}, THRESHOLD)
    assert len(set(alone.groups.values())) == 2, "the two sides do not resemble each other"
    middle = member(centre)
    return group_images([middle], old, splits, THRESHOLD), middle


def test_an_image_between_groups_of_different_splits_is_a_bridge() -> None:
    found, middle = bridge_of({"pixels-a": "train", "pixels-b": "test"})
    assert found.groups == {}
    assert found.bridges == {middle.id: ("pixels-a", "pixels-b")}


def test_an_image_between_groups_of_one_split_joins_the_first_and_says_so() -> None:
    found, middle = bridge_of({"pixels-a": "train", "pixels-b": "train"})
    assert found.groups == {middle.id: "pixels-a"}
    assert found.bridges == {}
    assert "pixels-b joined to pixels-a" in found.notes[0]


def test_the_images_around_a_bridge_stay() -> None:
    a, b = picture(1), picture(2)
    steps = [(a + (b.astype(float) - a) * t).astype(np.uint8) for t in np.linspace(0, 1, 20)]
    old = [member(a, group="pixels-a"), member(b, group="pixels-b")]
    found = run([member(s) for s in steps[1:-1]], old, {"pixels-a": "train", "pixels-b": "test"})
    assert set(found.groups.values()) == {"pixels-a", "pixels-b"}
    assert 0 < len(found.bridges) < 10
    assert len(found.groups) + len(found.bridges) == 18


@pytest.mark.parametrize("factor", [1 - 3e-5, 1.0, 1 + 3e-5])
def test_a_processor_that_rounds_otherwise_groups_the_same(
    factor: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    def elsewhere(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
        return normalise(thumbnails) * np.float32(factor)

    monkeypatch.setattr("pipeline.data.ingest.grouping.normalise", elsewhere)
    pair = [member(sibling(picture(1), n)) for n in range(2)]
    (alike,) = correlations(pair[0].thumbnail, pair[1].thumbnail[None])
    counts = [
        len(set(group_images(pair, [], {}, threshold).groups.values()))
        for threshold in (np.nextafter(alike, 0), alike)
    ]
    assert counts == [1, 2]


def test_correlations_are_those_of_the_textbook() -> None:
    one, *others = (thumbnail(shrink(picture(n))) for n in range(6))
    textbook = [np.corrcoef(one.ravel(), other.ravel())[0, 1] for other in others]
    np.testing.assert_allclose(correlations(one, np.stack(others)), textbook, atol=1e-12)
