"""A project with set-aside files, and what tests ask about them."""

import shutil
from pathlib import Path

from pipeline.data.revise.quarantining import find_quarantined, list_quarantined
from pipeline.flow import steps
from tests.pipeline.data.reading.test_burnt_in import written
from tests.support.consenting import Clinic
from tests.support.pictures import encode, picture, put


def make_clinic(folder: Path) -> Path:
    """A clinic with an image that shows text and a file that is cut off; returns the folder."""
    clinic = Clinic.make(folder)
    put(clinic.project.landing / "cyst" / "text.png", encode(written("DOE JANE 1970", 256, 14)))
    put(clinic.project.landing / "cyst" / "cut.png", encode(picture(77))[:-200])
    assert steps.ingest(clinic.project).reasons == {"burnt-in": 1, "truncated": 1}
    return folder


def copy_of(made: Path, folder: Path) -> Clinic:
    """A copy of a clinic, to change."""
    shutil.copytree(made, folder / "copy")
    return Clinic.at(folder / "copy")


def record_of(clinic: Clinic, reason: str) -> str:
    """The record of the one file that was set aside for a reason."""
    (found,) = [each for each in list_quarantined(clinic.project) if each.reason == reason]
    return found.record


def state_of(clinic: Clinic, record: str) -> str:
    """Whether a record is open, released or rejected."""
    (found,) = find_quarantined(clinic.project, record)
    return found.state
