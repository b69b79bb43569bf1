"""Classes and mixtures of classes, as labels name them."""

from collections.abc import Container, Sequence

import torch
from torch import Tensor


def class_weights(classes: Sequence[str], labels: Sequence[str]) -> Tensor:
    """The weights of a generator's classes in each label.

    Args:
        classes: names of the generator's classes.
        labels: class names, or mixtures such as "3*cyst+stone".

    Returns:
        float32 [N, classes], rows that sum to 1.

    Raises:
        ValueError: a class is unknown, or a mixture's weights are negative or all zero.
    """
    known = {name: index for index, name in enumerate(classes)}
    mixtures = {label: _parse(label, known) for label in set(labels)}
    if unknown := sorted({name for terms in mixtures.values() for name in terms} - set(known)):
        raise ValueError(
            f"unknown class {', '.join(unknown)}; this generator has {', '.join(known)}"
        )
    weights = torch.zeros(len(labels), len(known))
    for row, label in zip(weights, labels, strict=True):
        total = sum(mixtures[label].values())
        for name, share in mixtures[label].items():
            row[known[name]] = share / total
    return weights


def _parse(label: str, known: Container[str]) -> dict[str, float]:
    """`3*cyst+stone` -> {"cyst": 3, "stone": 1}; a class of exactly that name takes precedence."""
    if label in known:
        return {label: 1.0}
    terms: dict[str, float] = {}
    for term in label.split("+"):
        share, name = term.split("*", 1) if "*" in term else ("1", term)
        try:
            weight = float(share)
        except ValueError:
            weight = -1.0
        if not 0 < weight < float("inf"):
            raise ValueError(
                f"{share!r} in {label!r} is not a weight; give a positive number, as in 3*A+B"
            )
        terms[name.strip()] = terms.get(name.strip(), 0.0) + weight
    return terms
