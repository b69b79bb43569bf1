"""What several of these tests look at: one tiny project, made once, which each leaves as it was."""

from collections.abc import Iterator

import pytest

from tests.support.tiny import Tiny, tiny_project


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tiny]:
    with tiny_project(tmp_path_factory.mktemp("project")) as made:
        yield made
