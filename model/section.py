"""The base classes of the sections of params.yaml, and of the records that are stored."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """One section of params.yaml: frozen, strict, finite, no unknown keys, all errors at once.

    Strict, because PyYAML reads `2e-4` as a string and DVC as a float: a lenient model would let
    the two disagree about what was trained. Finite, because NaN and infinity pass most bounds, and
    a comparison with them is never true or always.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Stored(Section):
    """A stored result: as strict as a section, but a figure may be undefined."""

    model_config = ConfigDict(allow_inf_nan=True)
