"""A look at the training image that a drawn one resembles most."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.evaluation.copy_test import CopyTest, Resemblance
from pipeline.evaluation.reals import Reals
from pipeline.evaluation.record import EvaluateConfig
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.looks import Looks
from pipeline.promotion.nearest_real import look_at_nearest
from pipeline.stages.run_arrays import arrays_of_run
from tests.support.studied import RUN_KEY, drop, studied_project


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nearest")


@pytest.fixture(scope="module")
def project(folder: Path) -> Project:
    return studied_project(folder)


@pytest.fixture(scope="module")
def reals(project: Project) -> Reals:
    """Without features, which nothing here needs."""
    arrays = arrays_of_run(project, RUN_KEY)
    test = CopyTest(arrays.train, 0.97, np.zeros(0))
    return Reals(arrays.classes, None, None, test, EvaluateConfig())  # type: ignore[arg-type]


def resembling(reals: Reals, row: int) -> Resemblance:
    return Resemblance(0.8, str(reals.copy_test.training.ids[row]), copy=False)


def test_a_look_is_recorded_and_the_image_is_shown(project: Project, reals: Reals) -> None:
    alike, training = resembling(reals, 4), reals.copy_test.training
    shown = look_at_nearest(project, alike, reals, by="ann", reason=" a copy? ", role="reader")
    np.testing.assert_array_equal(shown.image, training.images[4])
    assert shown.label == reals.classes[training.labels[4]]
    look = Looks(Ledger(project)).records[-1]
    assert (look.by, look.role, look.purpose, look.reason) == (
        "ann", "reader", "nearest", "a copy?",
    )  # fmt: skip
    assert look.images == [alike.nearest]


def test_without_a_reason_nothing_is_shown(project: Project, reals: Reals) -> None:
    before = len(Looks(Ledger(project)).records)
    with pytest.raises(BadInputError, match="why you look"):
        look_at_nearest(project, resembling(reals, 1), reals, by="ann", reason=" ")
    assert len(Looks(Ledger(project)).records) == before


def test_a_withdrawn_image_is_never_shown(project: Project, reals: Reals, folder: Path) -> None:
    alike, before = resembling(reals, 2), len(Looks(Ledger(project)).records)
    drop(project, folder, [alike.nearest])
    with pytest.raises(BadInputError, match="not shown: it was withdrawn"):
        look_at_nearest(project, alike, reals, by="ann", reason="a copy?")
    assert len(Looks(Ledger(project)).records) == before
