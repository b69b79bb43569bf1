"""What tests of the pipeline share."""

from collections.abc import Iterator

import pytest

from tests.support.dvc_here import dvc_here


@pytest.fixture(scope="module")
def dvc_in_process() -> Iterator[None]:
    """For a module: DVC's short commands run in its process."""
    with dvc_here():
        yield
