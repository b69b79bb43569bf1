"""The data sets that medloom makes itself, by name."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from bench.data import clustered_lumpy, lumpy, voronoi
from pipeline.base.errors import BadInputError
from pipeline.phantoms.files import Slice, write_patients
from pipeline.phantoms.phantom_study import CLASSES as PHANTOM_CLASSES
from pipeline.phantoms.phantom_study import PhantomConfig
from pipeline.phantoms.phantom_study import make_patient as make_phantom


@dataclass(frozen=True)
class BuiltIn:
    """One data set that needs no download.

    Attributes:
        about: what it is, in a line.
        classes: its class folders.
        word: what an image of a patient is called in file names.
        images: how many images a patient has.
        maker: (size) -> (class, number, seed) -> the patient's images.
    """

    about: str
    classes: tuple[str, ...]
    word: str
    images: int
    maker: Callable[[int], Callable[[str, int, int], list[Slice]]]


def _phantom(size: int) -> Callable[[str, int, int], list[Slice]]:
    config = PhantomConfig(size=size)
    return lambda label, number, seed: make_phantom(label, number, seed, config)


def _lumpy(size: int) -> Callable[[str, int, int], list[Slice]]:
    config = lumpy.LumpyConfig(size=size)
    return lambda label, number, seed: lumpy.make_patient(label, number, seed, config)


def _clustered(size: int) -> Callable[[str, int, int], list[Slice]]:
    config = clustered_lumpy.ClusteredLumpyConfig(size=size)
    return lambda label, number, seed: clustered_lumpy.make_patient(label, number, seed, config)


def _voronoi(size: int) -> Callable[[str, int, int], list[Slice]]:
    config = voronoi.VoronoiConfig(size=size)
    return lambda label, number, seed: voronoi.make_patient(label, number, seed, config)


BUILT_IN = {
    "phantom": BuiltIn(
        "kidney CT of patients who do not exist, with counted cysts, stones and tumors",
        PHANTOM_CLASSES,
        "slice",
        PhantomConfig().slices,
        _phantom,
    ),
    "lumpy": BuiltIn(
        "random soft lumps, classes alike but for the number of lumps",
        lumpy.CLASSES,
        "lumpy",
        lumpy.DEFAULT.views,
        _lumpy,
    ),
    "clustered-lumpy": BuiltIn(
        "clusters of oriented blobs, the texture of mammograms",
        clustered_lumpy.CLASSES,
        "clustered-lumpy",
        clustered_lumpy.DEFAULT.views,
        _clustered,
    ),
    "voronoi": BuiltIn(
        "random cells of random grey, parted by walls, with counted cells",
        voronoi.CLASSES,
        "voronoi",
        voronoi.DEFAULT.views,
        _voronoi,
    ),
}


def patients_for(images: int, name: str) -> int:
    """The fewest patients a class that come to at least this many images of a data set."""
    made = BUILT_IN[name]
    return -(-images // (len(made.classes) * made.images))


def write_built_in(
    name: str,
    folder: Path,
    patients_per_class: int,
    seed: int,
    *,
    size: int = 128,
    on_progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write a built-in data set into class folders; see `write_patients`.

    Args:
        name: one of BUILT_IN.
        folder: made when missing.
        patients_per_class: how many patients each class gets, 1 or more.
        seed: of the whole data set, 0 or more.
        size: height and width, pixels.
        on_progress: told (images done, images in all) after each patient.

    Returns:
        How many images were written, new or changed.

    Raises:
        BadInputError: on an unknown name, a size or seed that cannot be, or a folder that holds
            another data set: patients of both would share their numbers.
    """
    if name not in BUILT_IN:
        raise BadInputError(f"no data set {name!r}: choose one of {', '.join(BUILT_IN)}")
    made = BUILT_IN[name]
    try:
        make = made.maker(size)
    except ValidationError as error:
        reasons = "; ".join(problem["msg"] for problem in error.errors())
        raise BadInputError(f"{name} of {size} px cannot be made: {reasons}") from error
    others = _class_folders(folder) - set(made.classes)
    if others:
        raise BadInputError(
            f"{folder} holds {', '.join(sorted(others))}, which is no class of {name}: "
            "give an empty folder, or one that holds this data set already"
        )
    return write_patients(
        folder,
        made.classes,
        patients_per_class,
        lambda label, number: make(label, number, seed),
        word=made.word,
        text=f"medloom {'kidney ' * (name == 'phantom')}{name}",
        on_progress=on_progress,
    )


def _class_folders(folder: Path) -> set[str]:
    if not folder.exists():
        return set()
    if not folder.is_dir():
        raise BadInputError(f"{folder} is a file: give a folder")
    return {path.name for path in folder.iterdir() if path.is_dir()}
