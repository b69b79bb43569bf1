import numpy as np
import pytest
import torch

from model.data import TrainingData, balanced_draw, check
from model.layouts import Layouts

CLASSES = ("cyst", "normal", "stone")
LABELS = np.array([0] * 3 + [1] * 90 + [2] * 7)
IMAGES = np.repeat(np.arange(100, dtype=np.uint8), 16).reshape(100, 4, 4)


def test_classes_come_in_equal_shares_whatever_their_number() -> None:
    draw, rng = balanced_draw(IMAGES, LABELS, 3, 16), torch.Generator().manual_seed(0)
    labels = torch.cat([draw(rng)[1] for _ in range(60)])
    counts = torch.bincount(labels)
    assert counts.min() > 300
    assert all(torch.bincount(draw(rng)[1], minlength=3).min() >= 4 for _ in range(20))


def test_an_emphasised_class_comes_more_often() -> None:
    draw = balanced_draw(IMAGES, LABELS, 3, 16, emphasis=(1.0, 1.0, 2.0))
    rng = torch.Generator().manual_seed(0)
    assert all(torch.bincount(draw(rng)[1], minlength=3).tolist() == [4, 4, 8] for _ in range(50))
    uneven = balanced_draw(IMAGES, LABELS, 3, 8, emphasis=(1.0, 1.0, 1.25))
    counts = torch.stack([torch.bincount(uneven(rng)[1], minlength=3) for _ in range(400)])
    shares = counts.sum(0).double() / counts.sum()
    assert shares.tolist() == pytest.approx([0.308, 0.308, 0.385], abs=0.02)


def test_images_come_with_their_own_label_and_all_of_them_come() -> None:
    draw, rng = balanced_draw(IMAGES, LABELS, 3, 30), torch.Generator().manual_seed(0)
    seen = set()
    for _ in range(100):
        images, labels, given = draw(rng)
        assert given is None
        assert images.shape == (30, 4, 4)
        assert torch.equal(labels[::2], labels[1::2])
        rows = images[:, 0, 0].long()
        assert torch.equal(torch.from_numpy(LABELS)[rows], labels)
        seen |= set(rows.tolist())
    assert seen == set(range(100))


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES.astype(np.float32), LABELS, "uint8"),
        (IMAGES[:, :2], LABELS, "size, size"),
        (IMAGES, LABELS[:-1], "99"),
        (IMAGES, LABELS + 1, "labels are 1 to 3"),
        (IMAGES, np.minimum(LABELS, 1), "class stone"),
        (IMAGES[:0], LABELS[:0], "cyst, normal, stone"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    images: np.ndarray, labels: np.ndarray, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        check(images, labels, CLASSES)


def test_layouts_that_do_not_fit_the_images_are_refused() -> None:
    layouts = Layouts(np.zeros((99, 2, 4, 4), np.uint8), np.ones(99, np.bool_))
    for kinds, given in ((("cyst", "stone"), layouts), ((), layouts), (("stone",), None)):
        data = TrainingData(IMAGES, LABELS, ("a", "b", "c"), kinds, given, 0.0, "")
        with pytest.raises(ValueError, match="or neither layouts nor kinds"):
            data.check_layouts()
