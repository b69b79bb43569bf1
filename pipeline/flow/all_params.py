"""All sections of params.yaml as one typed object."""

from model.config import TrainConfig
from model.section import Section
from pipeline.base.params_file import validate
from pipeline.data.config import IngestConfig
from pipeline.data.square import PreprocessConfig
from pipeline.evaluation.record import EvaluateConfig
from pipeline.flow.planning import RetrainConfig
from pipeline.ledger.project_params import ProjectParams
from pipeline.promotion.change_control import ChangeControlConfig
from pipeline.promotion.gate import GateConfig


class Params(Section):
    """All sections; each class is declared with the code that uses it."""

    ingest: IngestConfig
    preprocess: PreprocessConfig
    train: TrainConfig
    evaluate: EvaluateConfig
    gate: GateConfig
    retrain: RetrainConfig
    change_control: ChangeControlConfig


def require_valid(params: ProjectParams) -> Params:
    """Validate all sections of a project's parameters.

    Raises:
        BadInputError: they are invalid; the message lists every error.
    """
    return validate(params.origin, Params, dict(params.values))
