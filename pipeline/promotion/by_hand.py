"""Score a generator outside any run, on data of the user's choice. Nothing is decided."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.network import NetworkConfig
from model.tasks import task_of
from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.data.processed import Processed
from pipeline.data.region import RegionConfig, in_words
from pipeline.evaluation.paired import PairsScored, score_pairs
from pipeline.evaluation.record import EvaluateConfig, Evaluation, require_same_protocol
from pipeline.evaluation.score import Fakes, OnProgress, Scored, draw_fakes, score_images
from pipeline.ledger.project_params import ProjectParams
from pipeline.promotion.gate import Compared, GateConfig, compare
from pipeline.registry.generators import Generators, Version
from pipeline.registry.output_spec import OutputSpec
from pipeline.stages.prepared import prepare
from pipeline.stages.run import finished_run


class Drawing(Protocol):
    """A source of generated images: the registry, or `Generators` in this process."""

    def output_spec(self, version: int, /) -> OutputSpec:
        """What a version draws."""

    def draw(self, version: int, /, labels: Sequence[str], seed: int) -> NDArray[np.uint8]:
        """Images of a version, uint8 [N, H, W]."""

    def make(self, version: int, /, given: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What a version makes of given images, uint8 [N, H, W]."""


def evaluate_folder(
    models: Path,
    data: Path,
    out: Path,
    config: EvaluateConfig,
    cache: Path,
    on_progress: OnProgress | None = None,
) -> Evaluation:
    """Score the generator in a folder, and write the same files as the evaluate stage.

    Args:
        models: holds generator.safetensors and config.json.
        data: class folders of images. They are split by patients as in ingest; the test split is
            used, in the generator's view.
        out: folder for evaluation.json and the pictures.
        config: the `evaluate` section.
        cache: where features of real images are kept.
        on_progress: called with (what, done, total).

    Raises:
        BadInputError: the folder holds no generator, or the data have classes that it does not
            draw.
    """
    from model.sampling import load_generator
    from pipeline.stages.evaluate import evaluate

    try:
        network = load_generator(models).config
    except (ValueError, FileNotFoundError) as error:
        raise BadInputError(f"cannot load the generator of {models}: {error}") from error
    if network.sources > 1:
        raise BadInputError(
            f"the generator of {models} fuses pairs of images; by hand, folders of single images "
            "are scored. A project whose train.family fuses scores it (docs/families.md)"
        )
    processed = prepare(data, network.image_size, region=RegionConfig.of_view(network.view))
    _require_classes(Processed.load(processed), network.classes, str(models))
    return evaluate(processed, models, out, config, cache=cache, on_progress=on_progress)


def evaluate_version(
    project: Project,
    version: str,
    data: Path | None,
    out: Path,
    on_progress: OnProgress | None = None,
) -> tuple[int, Evaluation]:
    """Score a registered version, on its own run's test split or on a folder of class folders.

    Args:
        project: the project.
        version: a number or an alias.
        data: class folders of images; None: the test split of its run.
        out: folder for evaluation.json and the pictures.
        on_progress: as in `evaluate_folder`.

    Returns:
        The version's number and its evaluation.

    Raises:
        BadInputError: no such version, or the data have classes that it does not draw.
    """
    from pipeline.stages.evaluate import write_evaluation

    generators = Generators(project)
    config = ProjectParams.of(project).section("evaluate", EvaluateConfig)
    found = generators.find(version)
    _require_drawing(generators, found.number)
    with _judging_data(project, generators, found, data) as processed:
        fakes, scored = _score(project, generators, found, processed, config, on_progress)
        write_evaluation(out, scored.evaluation, fakes, processed, scored, config)
    return found.number, scored.evaluation


def compare_versions(
    project: Project,
    first: str,
    second: str,
    data: Path | None,
    on_progress: OnProgress | None = None,
) -> Compared:
    """Score two versions on the same images, counts and seeds, and compare them group by group.

    Unless `data` is given, the images are the test split of the newer version's run. The older
    version may have been trained on some of them; the newer one has not. A class that only one of
    the two draws is left out.

    Args:
        project: the project.
        first, second: numbers or aliases.
        data: class folders of images.
        on_progress: as in `evaluate_folder`.

    Raises:
        BadInputError: no such version, the same version twice, two regions, no class in common, or
            too few groups.
    """
    generators = Generators(project)
    config = ProjectParams.of(project).section("evaluate", EvaluateConfig)
    versions = generators.find(first), generators.find(second)
    numbers = [version.number for version in versions]
    if numbers[0] == numbers[1]:
        raise BadInputError(f"{first} and {second} are both version {numbers[0]}")
    for number in numbers:
        _require_drawing(generators, number)
    newer = max(versions, key=lambda version: version.number)
    with _judging_data(project, generators, newer, data) as processed:
        shared = shared_images(generators, numbers, processed)
        one, two = (
            _score(project, generators, version, shared, config, on_progress)[1].evaluation
            for version in versions
        )
    require_same_protocol(two, one)
    rules = ProjectParams.of(project).section("gate", GateConfig)
    return Compared(one, two, compare(two, one, rules))


def _require_drawing(drawing: Drawing, version: int) -> None:
    """Refuse what is not measured by hand yet: versions that are given images."""
    if not (spec := drawing.output_spec(version)).draws:
        raise BadInputError(
            f"version {version} {spec.does}; by hand, versions that draw are "
            "scored. Its figures are in the report of its run: `medloom report`"
        )


def shared_images(drawing: Drawing, versions: Sequence[int], processed: Processed) -> Processed:
    """The images of the classes that all these versions draw.

    Raises:
        BadInputError: there is no such class, or a version draws another region than the images'.
    """
    specs = {version: drawing.output_spec(version) for version in versions}
    for version, spec in specs.items():
        if spec.region != processed.view:
            raise BadInputError(
                f"version {version} draws {in_words(spec.region)}, the images show "
                f"{in_words(processed.view)}: figures of two regions are never compared. Use a "
                "separate project (--project) for another preprocess.region"
            )
    drawn = {version: spec.classes for version, spec in specs.items()}
    common = [name for name in processed.classes if all(name in d for d in drawn.values())]
    if not common:
        told = ", ".join(f"version {one} draws {', '.join(names)}" for one, names in drawn.items())
        raise BadInputError(
            f"no class in common: the images are of {', '.join(processed.classes)}, and {told}. "
            "Use a separate project (--project) for other classes"
        )
    return processed.only(common)


def pairs_of_version(
    drawing: Drawing,
    version: int,
    network: NetworkConfig,
    modalities: Sequence[str],
    processed: Processed,
    config: EvaluateConfig,
    identity: str,
    cache: Path,
    tell: OnProgress,
) -> PairsScored:
    """Score what a version makes of the test split.

    Args:
        drawing: the registry, or `Generators`.
        version: its number.
        network: of the generator that the data were prepared for, which the version must equal in
            what it takes and makes.
        modalities: of the pairs that it is given, in order; () for single images. A version of
            which the registry does not know them is not refused for them.
        processed: the real images.
        config: the `evaluate` section.
        identity: sha256 of the version's weights.
        cache: where features of real images are kept.
        tell: called with (what, done, total).

    Raises:
        BadInputError: the version does something else, at another size, or of other modalities or
            in another order of them.
    """
    spec, wanted = drawing.output_spec(version), task_of(network.family).name
    ours = (wanted, network.image_size, network.factor, processed.view)
    theirs = (spec.task, spec.image_size, spec.factor, spec.region)
    if spec.modalities and spec.modalities != tuple(modalities):
        raise BadInputError(
            f"version {version} fuses {' and '.join(spec.modalities)} in this order; the run: "
            f"{' and '.join(modalities) or 'no pairs'}. Give preprocess.modalities in the "
            "version's order, or use a separate project (--project) for each"
        )
    if ours != theirs:
        said = [
            f"{task} to {size} px{f', x{factor}' * (factor > 1)}"
            for task, size, factor, _ in (theirs, ours)
        ]
        raise BadInputError(
            f"version {version} does another thing: {said[0]}, {in_words(spec.region)}; the run: "
            f"{said[1]}, {in_words(processed.view)}. Use a separate project (--project) for each"
        )
    return score_pairs(
        lambda given: drawing.make(version, given),
        network,
        processed,
        config,
        identity,
        cache=cache,
        on_progress=tell,
    )


def fakes_of_version(
    drawing: Drawing, version: int, processed: Processed, config: EvaluateConfig, tell: OnProgress
) -> Fakes:
    """Draw the protocol's images from a version, at the size of the real images."""
    size = int(processed.test.images.shape[1])

    def sample(labels: Sequence[str], seed: int) -> NDArray[np.uint8]:
        tell(f"images of version {version}, seed {seed}", 0, 0)
        return _resized(drawing.draw(version, labels, seed), size)

    return draw_fakes(sample, processed, config)


def _score(
    project: Project,
    generators: Generators,
    version: Version,
    processed: Processed,
    config: EvaluateConfig,
    on_progress: OnProgress | None,
) -> tuple[Fakes, Scored]:
    tell = on_progress or (lambda _what, _done, _total: None)
    fakes = fakes_of_version(generators, version.number, processed, config, tell)
    cache, identity = project.cache / "features", version.weights_sha256
    return fakes, score_images(
        fakes, processed, config, identity, cache=cache, on_progress=on_progress
    )


@contextmanager
def _judging_data(
    project: Project, generators: Generators, version: Version, data: Path | None
) -> Iterator[Processed]:
    """The real images: those of a folder, or of the version's own run."""
    if data is not None:
        facts = generators.output_spec(version.number)
        region = RegionConfig.of_view(facts.region)
        processed = Processed.load(prepare(data, facts.image_size, region=region))
        _require_classes(processed, facts.classes, f"version {version.number}")
        yield processed
        return
    with finished_run(project, version.run_key, "evaluate-by-hand", "data/processed") as work:
        yield Processed.load(work.folder / "data" / "processed")


def _require_classes(processed: Processed, drawn: Sequence[str], who: str) -> None:
    if unknown := sorted(set(processed.classes) - set(drawn)):
        raise BadInputError(
            f"the data have the classes {', '.join(unknown)}, but {who} draws only "
            f"{', '.join(drawn)}; give class folders of these names only"
        )


def _resized(images: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resize images as preprocess does; uint8 [N, H, W] -> [N, size, size]."""
    if images.shape[1] == size:
        return images
    bicubic = Image.Resampling.BICUBIC
    return np.stack([np.asarray(Image.fromarray(i).resize((size, size), bicubic)) for i in images])
