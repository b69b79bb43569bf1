"""The chain: images are drawn small, then made larger by enlargers or by bicubic.

Drawn images have no truth, so that each way is judged by its kernel distance to held-out real
images of the large size.
"""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import scipy
from numpy.typing import NDArray

from bench.difference import Difference, distance_difference
from bench.enlarge.measure import OnTraining
from bench.fit import require_fit
from model import metrics
from model.bicubic import resized_pixels
from model.config import TrainConfig
from model.extractors import metric_name
from model.families.base import Generator
from model.features import extract, extractor_protocol
from model.sampling import enlarge, load_generator, sample
from model.section import Stored
from model.tasks import task_of
from model.weights import WEIGHTS_FILE, sha256_of
from pipeline.base.errors import BadInputError
from pipeline.data.config import IngestConfig
from pipeline.data.processed import Processed
from pipeline.evaluation.figures import draw_rows
from pipeline.evaluation.image_set import Images, ImageSet, matched
from pipeline.evaluation.record import EvaluateConfig
from pipeline.evaluation.score import Fakes, draw_fakes, real_side, subset
from pipeline.registry.enlargement import USUAL_NOISE
from pipeline.stages.prepared import prepare
from pipeline.stages.train import train

REAL, BICUBIC = "real training images", "bicubic"
PICTURE = "chain.png"

_CONFIDENCE = 0.95
_LEAST_SIDE = 32  # of preprocess.size, in pixels
_SHOWN = 8  # images in the picture


class Way(Stored):
    """One way from drawn images to large ones.

    Attributes:
        name: bicubic, or the family of an enlarger; `REAL` for real images, the floor.
        value: kernel distance to the real test images.
        low, high: its 95 % interval over test groups and images, as in an evaluation; nan in a
            fold of one group.
        less_bicubic: this way's distance minus bicubic's, of the same drawn images and groups;
            below 0 it is nearer to the real images. None of bicubic and `REAL`.
    """

    name: str
    value: float
    low: float
    high: float
    less_bicubic: Difference | None = None


class Chain(Stored):
    """What becomes of a generator's images by each way.

    Attributes:
        family, sha256: of the generator, and of its weights.
        given_size, image_size: side before and after enlarging, in pixels.
        noise: that the enlargers are told, in grey levels.
        metric: name of the distance, after the network whose features are compared.
        resize: how an image becomes that network's input.
        n_real, test_groups: real test images, and their groups.
        n_fake: drawn images, in the class mix of the test split.
        folds: chains that this is the mean of, see `over_folds`; their numbers of images and groups
            are added up. 1: one, of the test split.
        ways: the floor, bicubic, then each enlarger.
    """

    family: str
    sha256: str
    given_size: int
    image_size: int
    noise: float
    metric: str
    resize: str
    n_real: int
    test_groups: int
    n_fake: int
    folds: int = 1
    ways: tuple[Way, ...]


def small_images(data: Path, large: Path, factor: int, ingested: IngestConfig) -> Path:
    """The images of a folder, preprocessed at the side that a generator draws.

    Args:
        data: folder of class folders of images.
        large: what `prepare` made of it for the enlargers.
        factor: of the enlargers.
        ingested: the `ingest` section of both.

    Raises:
        BadInputError: `data` holds arrays; the side would be under 32 px; a split would have other
            images or groups than `large`.
    """
    other = Processed.load(large)
    side = _side(other) // factor
    if data == large:
        raise BadInputError(
            f"{data} holds arrays of {_side(other)} px; the chain makes arrays of {side} px, too, "
            "so give the folder of class folders that they were made of"
        )
    if side < _LEAST_SIDE:
        raise BadInputError(
            f"a chain x{factor} to {_side(other)} px begins at {side} px; at least {_LEAST_SIDE} "
            f"are needed: give --size {_LEAST_SIDE * factor} or more"
        )
    found = prepare(data, side, ingested=ingested)
    for name, one in Processed.load(found).splits.items():
        twin = other.splits[name]
        if not (np.array_equal(one.ids, twin.ids) and np.array_equal(one.groups, twin.groups)):
            raise BadInputError(
                f"the {name} split of {found} has other images or groups than that of {large}: "
                "delete both folders, which are made again"
            )
    return found


def train_drawer(small: Path, kimg: float, out: Path, tell: OnTraining, *, seed: int = 0) -> Path:
    """Train the default family on the small images; returns the folder of its weights."""
    config = TrainConfig(kimg=kimg, seed=seed, threads=1)
    train(small, out / "generator", config, on_progress=partial(tell, config.family))
    return out / "generator"


def load_drawer(folder: Path, small: Processed) -> Generator:
    """A generator that draws what the small images show.

    Raises:
        BadInputError: it is missing, or has another task, size, view or other classes.
    """
    try:
        generator = load_generator(folder)
    except (ValueError, FileNotFoundError) as error:
        raise BadInputError(f"cannot load the generator of {folder}: {error}") from error
    if (task := task_of(generator.config.family).name) != "draw":
        raise BadInputError(f"the generator of {folder} has the task {task}; give one that draws")
    advice = f"{folder} must hold one of the same images at size / factor; or give --chain-kimg"
    require_fit(generator.config, small, advice=advice)
    return generator


def measure_chain(
    generator: Path,
    small: Processed,
    large: Processed,
    enlargers: Mapping[str, Path],
    config: EvaluateConfig,
    out: Path,
    tell: Callable[[str], None] = lambda _what: None,
    *,
    fold: int = 0,
) -> Chain:
    """Draw images, make them larger by every way, and compare each with real test images.

    Args:
        generator: folder of a generator for `load_drawer`.
        small, large: the same images at both sizes.
        enlargers: folder of the weights of each family, trained on the large training images.
        config: the `evaluate` section: images, sampling seeds and extractor.
        out: folder for the picture and the cache of features.
        tell: called with what is done now.
        fold: as in `require_intervals`.

    Raises:
        BadInputError: the generator does not fit the images, or as `require_intervals`.
    """
    require_intervals(large, config, fold=fold)
    drawer = load_drawer(generator, small)
    tell("drawing images")
    fakes = draw_fakes(partial(sample, drawer), small, config)
    cache = out / "features"

    def nothing(_what: str, _done: int, _total: int) -> None:
        pass

    tell("features of real images")
    test = real_side(large.test, slice(None), config, cache, nothing, "")
    learned = real_side(large.train, _of_training(large, config), config, cache, nothing, "")
    made = {BICUBIC: resized_pixels(fakes.images, _side(large))}
    for family, folder in enlargers.items():
        tell(f"enlarging by {family}")
        made[family] = enlarge(load_generator(folder), fakes.images, USUAL_NOISE)
    _draw_picture(out / PICTURE, fakes, made, len(config.seeds))
    tell("features of enlarged images")
    sets = {name: _features(images, fakes, config) for name, images in made.items()}
    bicubic = sets[BICUBIC]
    ways = [_way(REAL, test, matched(learned, bicubic, config.seed))]
    ways += [
        _way(name, test, one, None if name == BICUBIC else bicubic) for name, one in sets.items()
    ]
    return Chain(
        family=drawer.config.family,
        sha256=sha256_of(generator / WEIGHTS_FILE),
        given_size=_side(small),
        image_size=_side(large),
        noise=USUAL_NOISE,
        metric=metric_name("kd", config.extractor).display,
        resize=extractor_protocol(config.extractor)["resize"],
        n_real=len(test),
        test_groups=len(np.unique(test.groups)),
        n_fake=len(fakes.labels),
        ways=tuple(ways),
    )


def over_folds(chains: Sequence[Chain]) -> Chain:
    """The mean of the chains of all folds, with 95 % intervals (Student's t) over folds.

    A fold has a generator, enlargers, drawn images and held-out groups of its own, so an interval
    over folds counts the chance of all of these.

    Args:
        chains: two or more, of the same ways.
    """
    first = chains[0]
    ways = []
    for place, way in enumerate(first.ways):
        level = _mean_of([one.ways[place] for one in chains])
        less = [one.ways[place].less_bicubic for one in chains]
        differences = [one for one in less if one is not None]
        ways.append(
            Way(
                name=way.name,
                value=level.value,
                low=level.low,
                high=level.high,
                less_bicubic=_mean_of(differences) if differences else None,
            )
        )
    return first.model_copy(
        update={
            "sha256": hashlib.sha256("".join(one.sha256 for one in chains).encode()).hexdigest(),
            "n_real": sum(one.n_real for one in chains),
            "test_groups": sum(one.test_groups for one in chains),
            "n_fake": sum(one.n_fake for one in chains),
            "folds": len(chains),
            "ways": tuple(ways),
        }
    )


def _mean_of(figures: Sequence[Way | Difference]) -> Difference:
    values = np.array([one.value for one in figures])
    error = values.std(ddof=1) / np.sqrt(len(values))
    half = float(scipy.stats.t.ppf((1 + _CONFIDENCE) / 2, len(values) - 1) * error)
    return Difference(value=values.mean(), low=values.mean() - half, high=values.mean() + half)


def _way(name: str, test: ImageSet, made: ImageSet, bicubic: ImageSet | None = None) -> Way:
    low, high = (
        metrics.kernel_distance_interval(
            test.features, test.groups, made.features, made.labels, _CONFIDENCE
        )
        if _without_largest(test.groups) > 1
        else (math.nan, math.nan)  # a fold of one group, or nearly so
    )
    return Way(
        name=name,
        value=metrics.kernel_distance(test.features, made.features),
        low=low,
        high=high,
        less_bicubic=None if bicubic is None else _difference(test, bicubic, made),
    )


def _difference(real: ImageSet, before: ImageSet, after: ImageSet) -> Difference:
    return distance_difference(
        real.features, real.groups, before.features, after.features, after.labels
    )


def require_intervals(large: Processed, config: EvaluateConfig, *, fold: int = 0) -> None:
    """Check that there are images enough for the intervals of a chain.

    Args:
        large: real images at the large size.
        config: the `evaluate` section.
        fold: number of the fold that is the test split, whose own interval is not used; 0: there
            are no folds.

    Raises:
        BadInputError: without folds, one group holds the test split; a fold has a single image; or
            a class has a single training image.
    """
    groups = large.test.groups
    if fold and len(groups) < 2:
        raise BadInputError(
            f"fold {fold} has {len(groups)} image; a kernel distance needs two: give fewer --folds"
        )
    if not fold and _without_largest(groups) < 2:
        raise BadInputError(
            f"the test split has {len(groups)} images of {len(np.unique(groups))} groups; an "
            "interval over groups needs two images without any one group: give --folds, or ingest "
            "more patients"
        )
    learned = large.train.labels[_of_training(large, config)]
    for name, count in zip(
        large.classes, np.bincount(learned, minlength=len(large.classes)), strict=True
    ):
        if count < 2:
            raise BadInputError(
                f"class {name} has {count} of the {len(learned)} training images that stand for "
                f"real ones{f' where fold {fold} is held out' if fold else ''}; two of each class "
                "are needed: ingest more patients of it"
            )


def _without_largest(groups: NDArray[np.str_]) -> int:
    """Images that are left without the largest group."""
    _, counts = np.unique(groups, return_counts=True)
    return len(groups) - int(max(counts, default=0))


def _of_training(large: Processed, config: EvaluateConfig) -> NDArray[np.int64]:
    """The rows of the training images that stand for real ones."""
    return subset(len(large.train.labels), config.max_train, config.seed)


def _features(images: Images, fakes: Fakes, config: EvaluateConfig) -> ImageSet:
    features: NDArray[np.float64] = extract(images, config.extractor).astype(np.float64)
    return ImageSet(images, fakes.labels, np.full(len(images), "", np.str_), features)


def _draw_picture(file: Path, fakes: Fakes, made: Mapping[str, Images], seeds: int) -> None:
    """Rows of drawn images (pixels repeated), of bicubic's and of each enlarger's."""
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = np.unique(np.linspace(0, len(fakes.labels) // seeds - 1, _SHOWN).astype(int))
    large = list(made.values())
    repeat = large[0].shape[-1] // fakes.images.shape[-1]
    drawn = fakes.images[rows].repeat(repeat, axis=1).repeat(repeat, axis=2)
    draw_rows(file, [drawn, *(images[rows] for images in large)])


def _side(data: Processed) -> int:
    return int(data.train.images.shape[-1])
