"""The one typed view of params.yaml: every number of the science, by section."""

from pathlib import Path

from model.config import TrainConfig
from model.section import Section
from pipeline.base.params import read_yaml, validate
from pipeline.data.config import IngestConfig
from pipeline.data.square import PreprocessConfig
from pipeline.evaluation.record import EvaluateConfig
from pipeline.flow.planning import RetrainConfig
from pipeline.ledger.params import ProjectParams
from pipeline.promotion.change_control import ChangeControlConfig
from pipeline.promotion.gate import GateConfig


class Params(Section):
    """All sections. Each is declared beside the code that reads it."""

    ingest: IngestConfig
    preprocess: PreprocessConfig
    train: TrainConfig
    evaluate: EvaluateConfig
    gate: GateConfig
    retrain: RetrainConfig
    change_control: ChangeControlConfig


def load_params(file: Path) -> Params:
    """Read params.yaml whole.

    Raises:
        BadInputError: naming everything that is wrong with it.
    """
    return validate(file, Params, read_yaml(file))


def require_valid(params: ProjectParams) -> Params:
    """All sections of a project's parameters, checked together.

    Raises:
        BadInputError: naming everything that is wrong with the project's file.
    """
    return validate(params.origin, Params, dict(params.values))
