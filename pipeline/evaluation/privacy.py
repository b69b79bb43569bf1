"""Measure whether training images remain visible; reported with held-out controls, no guard.

Against a holdout of other patients any faithful model looks close to its training data, and such
diagnostics miss some near-duplicates (arXiv 2510.01793): the gate uses only copies
(`evaluation.copying`).
"""

import csv
from pathlib import Path

import numpy as np

from model import metrics
from pipeline.evaluation.image_set import ImageSet
from pipeline.evaluation.record import (
    AUTHENTIC,
    C_T,
    MEMBERSHIP,
    MEMBERSHIP_TPR,
    NNDR,
    EvaluateConfig,
    Figure,
)


def feature_nearness(
    fake: ImageSet, test: ImageSet, train: ImageSet, config: EvaluateConfig
) -> list[Figure]:
    """NNDR, share of authentic images, and C_T; the floor uses the test split as fakes."""
    report = metrics.copying_report(fake.features, train.features, test.features)
    values = {
        NNDR: (report.nndr.fake, report.nndr.holdout),
        AUTHENTIC: (report.authentic.fake, report.authentic.holdout),
        C_T: (report.c_t, 0.0),
    }
    return [
        Figure(
            metric=metric,
            label=None,
            protocol=f"{metric}_{config.extractor.name}_n{len(train)}",
            value=value,
            floor=floor,
            n_real=len(train),
            n_fake=len(fake),
        )
        for metric, (value, floor) in values.items()
    ]


def membership(file: Path) -> list[Figure]:
    """How well the trained networks tell training from held-out images; chance is 0.5 and 0.01.

    Args:
        file: membership.csv of the train stage; without it the list is empty.
    """
    if not file.exists():
        return []
    with file.open(newline="") as lines:
        rows = [(float(row["held_out"]), float(row["score"])) for row in csv.DictReader(lines)]
    table = np.array(rows)
    held_out = table[:, 0] > 0
    found = metrics.membership_inference(table[~held_out, 1], table[held_out, 1])
    counts = {"n_real": found.n_holdout, "n_fake": 0}
    size = f"n{found.n_train}_{found.n_holdout}"
    return [
        Figure(
            metric=MEMBERSHIP,
            label=None,
            protocol=f"{MEMBERSHIP}_{size}",
            value=found.auc,
            floor=0.5,
            low=found.auc_low,
            high=found.auc_high,
            **counts,
        ),
        Figure(
            metric=MEMBERSHIP_TPR,
            label=None,
            protocol=f"{MEMBERSHIP_TPR}_{size}",
            value=found.tpr_at_1_percent_fpr,
            floor=0.01,
            low=found.tpr_low,
            high=found.tpr_high,
            **counts,
        ),
    ]
