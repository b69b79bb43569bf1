"""What happens to images on their way."""

import numpy as np

from bench.marks.changes import CHANGES, cropped, mirrored, noisy, smaller, windowed

IMAGE = np.random.default_rng(0).integers(0, 255, (80, 100)).astype(np.uint8)


def test_each_change_gives_a_grey_image_and_most_keep_its_size() -> None:
    other = {name for name, change in CHANGES.items() if change(IMAGE).shape != IMAGE.shape}
    assert other == {
        "a twentieth cut off at each edge",
        "the same, then JPEG 75",
        "to 75 % of the size",
    }
    for change in CHANGES.values():
        assert change(IMAGE).dtype == np.uint8


def test_they_do_what_they_are_called() -> None:
    assert np.array_equal(cropped(IMAGE), IMAGE[4:76, 5:95])
    assert np.array_equal(mirrored(mirrored(IMAGE)), IMAGE)
    assert smaller(IMAGE, 0.75).shape == (60, 75)
    levels = np.array([[0, 100, 128, 255]], np.uint8)
    assert windowed(levels, 1.5, -18).tolist() == [[0, 68, 110, 255]]
    middle = np.full((64, 64), 128, np.uint8)
    assert 2.8 < noisy(middle, 3).std() < 3.2
