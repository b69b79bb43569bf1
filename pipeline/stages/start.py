"""Deciding what a planned training begins from, and fetching the networks into a workspace.

A training goes on from the networks of the version that is champion when it is planned. If it
cannot, it begins fresh and the run says why; if a person asked for it, the plan is refused.
"""

import json
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

from model.config import TrainConfig
from model.network import NetworkConfig
from pipeline.base.errors import BadInputError
from pipeline.base.params_file import parse_yaml, section_of
from pipeline.base.start import FRESH, NETWORKS, TRACKED, Start
from pipeline.data.findings import kinds_in
from pipeline.data.revise.revision import Revisions, withdrawn_since
from pipeline.data.square import PreprocessConfig
from pipeline.ledger.journal import Journal, Record
from pipeline.ledger.ledger import Ledger, Workspace
from pipeline.ledger.objects import read_object
from pipeline.ledger.run import Run

Asked = Literal["", "fresh", "champion"]
"""What a person asked for; "" leaves it to `train.start`."""


@dataclass(frozen=True)
class Decided:
    """What a training begins from.

    Attributes:
        start: fresh networks, or those of a version.
        why: why they are fresh although the champion's were wished for; "" otherwise.
    """

    start: Start = FRESH
    why: str = ""


def decide_start(ledger: Ledger, code: str, data: str, asked: Asked = "") -> Decided:
    """Decide what a training of a data revision begins from.

    The networks are read from the remote and put into a new learner, so that what fits here fits
    in the stage.

    Args:
        ledger: with the commits, the journal and the champion's run.
        code: commit of the snapshot whose parameters are in force.
        data: commit of the revision.
        asked: what a person asked for.

    Raises:
        BadInputError: a person asked for the champion's networks, and they cannot be used.
        TransientError: the ledger or the remote cannot be reached.
    """
    origin = f"params.yaml of {code[:12]}"
    params = parse_yaml(ledger.read(code, "params.yaml") or "", origin)
    train = params.get("train")
    wished = train.get("start") if isinstance(train, dict) else None  # early snapshots have none
    if (asked or wished or "fresh") == "fresh":
        return Decided()
    config = section_of(params, "train", TrainConfig, origin)
    try:
        shape = section_of(params, "preprocess", PreprocessConfig, origin)
        return Decided(_from_champion(ledger, config, shape, data))
    except _UnusableError as unusable:
        if asked:
            raise BadInputError(
                f"the training cannot go on from the champion's networks: {unusable}; "
                "`medloom run --start fresh` begins with fresh ones"
            ) from None
        return Decided(why=str(unusable))


def pull_start(work: Workspace) -> None:
    """Pull the networks that a workspace's training begins from; does nothing if it begins fresh.

    `dvc repro --pull` pulls missing dependencies only, and the folder `start` is never missing.
    """
    if (work.folder / TRACKED).exists():
        work.dvc.run("pull", str(TRACKED))


class _UnusableError(Exception):
    """Why a training cannot go on from the champion, in words."""


def _from_champion(
    ledger: Ledger, config: TrainConfig, shape: PreprocessConfig, data: str
) -> Start:
    champion = Journal(ledger).champion
    if champion is None:
        raise _UnusableError("there is no champion yet")
    name = f"version {champion.version}"
    if gone := withdrawn_since(ledger, champion.run_key):
        raise _UnusableError(
            f"{name}, or a version that it descends from, learned from {len(gone)} image(s) whose "
            "consent was withdrawn since"
        )
    md5, content = _networks(ledger, champion)
    rows = [
        row for row in Revisions(ledger).rows(data) if not shape.views or row.view in shape.views
    ]
    classes = tuple(sorted({row.label for row in rows}))
    kinds = kinds_in(row.findings for row in rows)
    network = config.network(shape.size, classes, kinds, shape.region.view)
    _require_fit(content, config, network, name)
    return Start(
        version=champion.number,
        run_key=champion.run_key,
        weights_sha256=champion.weights_sha256,
        sha256=sha256(content).hexdigest(),
        md5=md5,
        bytes=len(content),
    )


def _networks(ledger: Ledger, champion: Record) -> tuple[str, bytes]:
    """The md5 and the bytes of the champion's networks, from the host's cache or the remote."""
    run = Run.find(ledger, champion.run_key)
    models = run.outputs.get("models") if run else None
    if models is None:
        raise _UnusableError(f"the ledger has no result of its run {champion.run_key}")
    try:
        listing = json.loads(read_object(ledger.project, models))
        md5 = next((one["md5"] for one in listing if one["relpath"] == NETWORKS.name), None)
        if md5 is None:
            raise _UnusableError(
                f"version {champion.version} was trained by an earlier medloom, which kept the "
                "networks that draw alone; a later champion has all of them"
            )
        return md5, read_object(ledger.project, md5)
    except BadInputError as missing:
        raise _UnusableError(str(missing)) from missing


def _require_fit(content: bytes, config: TrainConfig, network: NetworkConfig, name: str) -> None:
    """Refuse networks that a new learner of these settings would not take."""
    # Imports torch, which a plan of fresh networks does not need.
    from model.families import make_learner
    from model.warm_start import Networks, begin_from

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / NETWORKS.name
        file.write_bytes(content)
        try:
            learner = make_learner(network, config.recipe, config.seed)
            begin_from(learner, Networks.read(file))
        except ValueError as error:
            said = str(error).replace(str(file), NETWORKS.name)
            raise _UnusableError(f"{name}: {said}") from error
