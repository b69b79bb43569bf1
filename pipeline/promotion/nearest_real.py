"""Show a person the training image that a drawn one resembles most; the look is recorded first."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.data.revise.revision import Revisions
from pipeline.evaluation.copy_test import Resemblance
from pipeline.evaluation.reals import Reals
from pipeline.ledger.ledger import DATA, Ledger
from pipeline.ledger.looks import record_look

PURPOSE = "nearest"


@dataclass(frozen=True)
class NearestReal:
    """A training image, as a person may see it.

    Attributes:
        id: of the image.
        label: its class when the version learned from it.
        image: uint8 [H, W], as networks see it.
    """

    id: str
    label: str
    image: NDArray[np.uint8]


def look_at_nearest(
    project: Project,
    resemblance: Resemblance,
    reals: Reals,
    *,
    by: str,
    reason: str,
    role: str = "",
) -> NearestReal:
    """The nearest training image of a drawn one, for a person; the look is in the ledger by then.

    Args:
        project: the project.
        resemblance: of the drawn image.
        reals: real images of the version, which it was measured beside.
        by: who looks, as decisions name them.
        reason: why, in words, without a patient's name.
        role: of that person.

    Raises:
        BadInputError: no reason, or the newest data revision does not hold the image any more, as
            after a withdrawal; nothing is shown, and no look recorded.
        TransientError: the look could not be recorded; nothing is shown.
    """
    if not reason.strip():
        raise BadInputError("say in a few words why you look; it is kept for good")
    ledger, id_ = Ledger(project), resemblance.nearest
    head = ledger.head(DATA)
    if head is None or not Revisions(ledger).held(head, [id_]):
        raise BadInputError(
            f"the training image {id_[:12]} is not in the newest data revision any more, so it is "
            "not shown: it was withdrawn or taken out since the version learned from it"
        )
    record_look(ledger, [id_], by=by, role=role, purpose=PURPOSE, reason=reason)
    training = reals.copy_test.training
    (row,) = np.flatnonzero(training.ids == id_)[:1]
    label = reals.classes[int(training.labels[row])]
    return NearestReal(id_, label, np.array(training.images[row]))
