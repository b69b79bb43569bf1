"""Values of DICOM attributes, of whatever form a file gives them; nothing here raises."""

from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue


def word(dataset: Dataset, keyword: str) -> str:
    """The value as one word in capitals; "" if it is missing."""
    return str(dataset.get(keyword) or "").strip().upper()


def integer(dataset: Dataset, keyword: str) -> int:
    """The first value as a whole number; 0 if it is missing or no number."""
    found = numbers(dataset.get(keyword))
    return int(found[0]) if found else 0


def numbers(value: Any) -> tuple[float, ...]:
    """All values, or none if one of them is no finite number."""
    try:
        found = tuple(float(one) for one in many(value))
    except (TypeError, ValueError):
        return ()
    return found if all(np.isfinite(one) for one in found) else ()


def many(value: Any) -> tuple[Any, ...]:
    """The values of an attribute of one value or several."""
    if value is None or value == "":
        return ()
    return tuple(value) if isinstance(value, (MultiValue, list, tuple)) else (value,)


def first(dataset: Dataset, keyword: str) -> Dataset:
    """The first item of a sequence; an empty one if it is missing."""
    sequence = dataset.get(keyword)
    return sequence[0] if sequence else Dataset()


def stated(dataset: Dataset) -> Dataset:
    """The attributes that have a value: an empty one says no more than a missing one."""
    found = Dataset()
    for element in dataset:
        if not element.is_empty:
            found[element.tag] = element
    return found
