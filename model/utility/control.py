"""The accuracy of a classifier without anatomy, from grey levels and the image's border only.

If classes come from different scanners or repositories, a classifier may learn the source instead.
Its accuracy does not reveal that, but the accuracy of these few features does. They contain no
positions, so they know no organ's shape.
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]
Array = NDArray[np.float64]

_BORDER = 16  # the border's width is the side divided by this
_BINS, _BORDER_BINS = 16, 8
_PENALTY = 1e-3  # on squared weights of standardised features
_ITERATIONS = 200


def plain_features(images: Images) -> Array:
    """Mean, deviation and grey histogram of the image, and grey histogram of its border.

    Args:
        images: uint8 [N, H, W].

    Returns:
        float64 [N, 26]: the first two over 255, then shares of the image's pixels, then of the
            border's.
    """
    pixels = np.asarray(images)
    width = max(pixels.shape[1] // _BORDER, 1)
    edge = np.ones(pixels.shape[1:], bool)
    edge[width:-width, width:-width] = False
    flat = pixels.reshape(len(pixels), -1)
    return np.column_stack(
        [
            flat.mean(1) / 255,
            flat.std(1) / 255,
            _histogram(flat, _BINS),
            _histogram(pixels[:, edge], _BORDER_BINS),
        ]
    )


def _histogram(pixels: Images, bins: int) -> NDArray[np.float64]:
    """Shares of each row's pixels: [N, P] -> [N, bins]."""
    place = pixels // (256 // bins)
    return np.stack([(place == one).mean(1) for one in range(bins)], 1)


def fit_plain(train: tuple[Images, Labels], classes: int) -> Callable[[Images], Labels]:
    """`fit_logistic` on `plain_features`."""
    return fit_logistic(train, classes, plain_features)


def fit_logistic(
    train: tuple[Images, Labels], classes: int, features_of: Callable[[Images], Array]
) -> Callable[[Images], Labels]:
    """A logistic regression on features of images.

    Classes have equal weight, whatever their sizes. Nothing is random: the loss is convex, and
    LBFGS starts from zero.

    Args:
        train: uint8 [N, H, W] and class index [N] with every class.
        classes: number of classes.
        features_of: uint8 [M, H, W] -> float64 [M, F], finite.

    Returns:
        The class that it predicts for each image: uint8 [M, H, W] -> int64 [M].
    """
    features, labels = torch.from_numpy(features_of(train[0])), torch.from_numpy(train[1])
    mean, deviation = features.mean(0), features.std(0).clamp_min(1e-6)
    weight = 1 / torch.bincount(labels, minlength=classes).double()
    lines = torch.zeros(features.shape[1] + 1, classes, dtype=torch.float64, requires_grad=True)

    def logits(rows: Tensor) -> Tensor:
        return (rows - mean) / deviation @ lines[1:] + lines[0]

    optimiser = torch.optim.LBFGS([lines], max_iter=_ITERATIONS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = F.cross_entropy(logits(features), labels, weight)
        value = value + _PENALTY * lines[1:].square().sum()
        torch.autograd.backward(value)
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]

    def answers(images: Images) -> Labels:
        with torch.no_grad():
            named: Labels = logits(torch.from_numpy(features_of(images))).argmax(1).numpy()
        return named

    return answers
