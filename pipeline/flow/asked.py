"""The retrainings that feedback asked for, with what a plan of the one that waits would say."""

from pipeline.feedback.retrainings import Retraining, retrainings
from pipeline.feedback.rules import FeedbackConfig
from pipeline.flow.feasible import in_vain
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.project_params import ProjectParams


def asked_retrainings(ledger: Ledger) -> list[Retraining]:
    """As `retrainings`, by the project's parameters in force.

    Raises:
        BadInputError: a chain is broken, or the section `feedback` is invalid.
        TransientError: the ledger cannot be reached.
    """
    params = ProjectParams.of(ledger.project)
    config = params.section("feedback", FeedbackConfig)
    return retrainings(ledger, config, lambda: in_vain(ledger, params))
