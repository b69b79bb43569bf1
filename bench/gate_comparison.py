"""How often the comparison with the champion promotes, at known true differences."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bench.gate_pool import (
    Array,
    Pool,
    champion_behind,
    draws,
    evaluation,
    generator,
    improvement,
    mixed,
    simulated_protocol,
    true_score,
)
from bench.gate_rows import DecisionRate
from pipeline.promotion.gate import GateConfig, decide

Tell = Callable[[int, int], None]

GROUPS = (8, 15, 30)
FINDING_GROUPS = 15
FINDING = 0.95
"""The promised share of planted improvements found, at 15 groups with the default rules."""

LOOSE = GateConfig(looks=2, false_promotion=0.1)
"""Level 0.05: rates near the default's 0.005 are too small to measure well."""

STEPS = (0.02, 0.04, 0.08, 0.16, 0.32, 0.64)
"""Steps of the power curve, as shares of the difference between clean and noised images."""


@dataclass(frozen=True)
class Sources:
    """Images to draw from: clean ones, and the same with two kinds of damage.

    Attributes:
        pool: all of them, and the test groups.
        kind: 0 clean, 1 noise, 2 blur; [M].
        half: which half of the patients each image is from; [M].
    """

    pool: Pool
    kind: NDArray[np.int64]
    half: NDArray[np.bool_]

    def of(self, kind: int, half: bool | None = None) -> Array:
        """The generator that draws the images of a kind, equally often within a class."""
        chosen = self.kind == kind
        if half is not None:
            chosen &= self.half == half
        return generator(self.pool, chosen.astype(np.float64))


@dataclass(frozen=True)
class ModelPair:
    """A candidate and a champion, with a true difference at the margin or above it."""

    case: str
    candidate: Array
    champion: Array
    margin: float = 0.0


def pairs_at_margin(sources: Sources, margin: float) -> list[ModelPair]:
    """Pairs whose true difference equals the margin, in order of decreasing similarity.

    Raises:
        BadInputError: the damage is too small for the margin.
    """
    pool, clean, noise, blur = (sources.pool, *(sources.of(kind) for kind in range(3)))
    behind = partial(champion_behind, pool, worse=noise, margin=margin)
    # The candidate is the worse generator, so a share of noise in the champion can equal it.
    worse, better = sorted(
        (sources.of(0, half) for half in (False, True)), key=lambda one: -true_score(pool, one)
    )
    softened = mixed(clean, blur, min(0.5, _bearable(pool, clean, blur, noise, margin)))
    return [
        ModelPair("one generator", clean, behind(clean, better=clean), margin),
        ModelPair("blur against noise", softened, behind(softened, better=clean), margin),
        ModelPair("other patients", worse, behind(worse, better=better), margin),
    ]


def _bearable(pool: Pool, clean: Array, blur: Array, noise: Array, margin: float) -> float:
    """A share of blur for which noise alone is still worse by more than the margin."""
    room = improvement(pool, clean, noise) - margin
    cost = improvement(pool, clean, blur)
    return 0.5 * room / cost if cost > 0 else 1.0


def promotion_rates(
    sources: Sources,
    pair: ModelPair,
    trials: int,
    rng: np.random.Generator,
    groups: Sequence[int] = GROUPS,
    tell: Tell | None = None,
) -> list[DecisionRate]:
    """Promotion rates of one pair at the margin, by number of test groups and by level.

    Every number of groups and both levels use the same draws of fakes.
    """
    base = {"kernel_distance_margin": pair.margin, "min_groups": min(groups)}
    kinds = [kind.model_copy(update=base) for kind in (GateConfig(), LOOSE)]
    counts = _promotions(sources.pool, pair, trials, rng, groups, kinds, tell)
    return [
        DecisionRate(
            part="comparison",
            case=pair.case,
            counted="promoted",
            count=counts[number, rules],
            trials=trials,
            bound="at most",
            stated=rules.level,
            groups=number,
            level=rules.level,
            difference=improvement(sources.pool, pair.candidate, pair.champion),
            margin=pair.margin,
        )
        for number in groups
        for rules in kinds
    ]


def findings(
    sources: Sources, trials: int, rng: np.random.Generator, tell: Tell | None = None
) -> list[DecisionRate]:
    """Promotion rates of a generator over its damaged version, and over mixtures of the two.

    Only the full damage has a promise; the mixtures give the power curve.
    """
    pool, clean = sources.pool, sources.of(0)
    whole = improvement(pool, clean, sources.of(1))
    pairs = [
        ModelPair(
            "some noise", clean, champion_behind(pool, clean, clean, sources.of(1), whole * step)
        )
        for step in STEPS
    ]
    pairs += [ModelPair("blur", clean, sources.of(2)), ModelPair("noise", clean, sources.of(1))]
    rules = GateConfig()
    rows = []
    for done, pair in enumerate(pairs):
        counts = _promotions(pool, pair, trials, rng, [FINDING_GROUPS], [rules])
        rows.append(
            DecisionRate(
                part="improvement",
                case=pair.case,
                counted="promoted",
                count=counts[FINDING_GROUPS, rules],
                trials=trials,
                bound=None if pair.case == "some noise" else "at least",
                stated=FINDING,
                groups=FINDING_GROUPS,
                level=rules.level,
                difference=improvement(pool, pair.candidate, pair.champion),
                margin=0.0,
            )
        )
        if tell:
            tell(done + 1, len(pairs))
    return rows


def _promotions(
    pool: Pool,
    pair: ModelPair,
    trials: int,
    rng: np.random.Generator,
    groups: Sequence[int],
    kinds: Sequence[GateConfig],
    tell: Tell | None = None,
) -> dict[tuple[int, GateConfig], int]:
    """How often the candidate was promoted, by number of groups and by rules."""
    classes = tuple(f"class {label}" for label in range(len(pool.per_seed)))
    protocol = simulated_protocol(classes, pool.per_seed)
    counts = {(number, rules): 0 for number in groups for rules in kinds}
    both = zip(
        *(draws(pool, one, trials, rng) for one in (pair.candidate, pair.champion)), strict=True
    )
    for done, drawn in enumerate(both):
        for number in groups:
            chosen = rng.integers(0, pool.to_groups.shape[1], number)
            ours, theirs = (
                evaluation(pool, draw, chosen, protocol, model)
                for draw, model in zip(drawn, ("candidate", "champion"), strict=True)
            )
            for rules in kinds:
                counts[number, rules] += decide(ours, theirs, rules).outcome == "promoted"
        if tell:
            tell(done + 1, trials)
    return counts
