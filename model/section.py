"""The base class of every section of params.yaml."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """One section of params.yaml: frozen, strict, no unknown keys, all errors at once.

    Strict, because PyYAML reads `2e-4` as a string and DVC as a float: a lenient model would let
    the two disagree about what was trained.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
