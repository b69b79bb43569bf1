"""What the images of a version are, as its tags and its config say."""

from collections.abc import Mapping
from typing import NamedTuple, Self

from model.tasks import task_named
from pipeline.base.errors import BadInputError

CLASSES_TAG, SIZE_TAG, REGION_TAG = "medloom.classes", "medloom.image_size", "medloom.region"
KINDS_TAG = "medloom.findings"
MADE_TAG = "medloom.findings_made"
TASK_TAG, FACTOR_TAG, SOURCES_TAG = "medloom.task", "medloom.factor", "medloom.sources"
MODALITIES_TAG = "medloom.modalities"
"""Versions without them draw; a version that enlarges has no number of sources."""


class OutputSpec(NamedTuple):
    """The images of a version.

    Attributes:
        classes: names in label order.
        image_size: height and width in pixels.
        region: the part of an image that is drawn, in words; "" for whole images.
        kinds: of findings that it takes layouts of, by their number in a label map from 1; () for
            none.
        made: kinds of findings that it makes maps of beside its images, likewise.
        directions: in which its images can be edited beside those of classes; 0 for a version
            without a space of styles.
        task: what the version does, of model/tasks; versions of before draw.
        factor: how many times larger it makes a given image; 1 if it makes none larger.
        sources: registered images that it makes one image of; 1 if it fuses none.
        modalities: of these images, in the order of the training, as the registry knows them; ()
            if it fuses none, or nobody recorded them.
    """

    classes: tuple[str, ...]
    image_size: int
    region: str = ""
    kinds: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    directions: int = 0
    task: str = "draw"
    factor: int = 1
    sources: int = 1
    modalities: tuple[str, ...] = ()

    @property
    def draws(self) -> bool:
        """Whether it draws images, and makes none of given ones."""
        return self.task == "draw"

    @property
    def does(self) -> str:
        """What a version does that is given images: "enlarges images (x4)", "fuses images"."""
        return f"enlarges images (x{self.factor})" if self.task == "enlarge" else "fuses images"

    @property
    def given_size(self) -> int:
        """Height and width of an image that it is given, in pixels."""
        return self.image_size // self.factor

    def require_drawing(self, version: int) -> None:
        """Check that a version draws images, for what is done with drawn ones alone.

        Raises:
            BadInputError: it is given images.
        """
        if self.task != "draw":
            task = task_named(self.task)
            raise BadInputError(
                f"version {version} draws no images: it is given {task.given} and makes "
                f"{task.made}. Choose a version of a project that draws"
            )

    @classmethod
    def of_tags(cls, tags: Mapping[str, str]) -> Self:
        """What a version's tags say, as `tags` gives them; without those of a task it draws.

        Raises:
            KeyError: an early version, without classes and size.
        """
        kinds, made, modalities = (
            tuple(name for name in tags.get(tag, "").split(",") if name)
            for tag in (KINDS_TAG, MADE_TAG, MODALITIES_TAG)
        )
        factor, sources = (int(tags.get(tag, "1")) for tag in (FACTOR_TAG, SOURCES_TAG))
        return cls(
            tuple(tags[CLASSES_TAG].split(",")),
            int(tags[SIZE_TAG]),
            tags.get(REGION_TAG, ""),
            kinds,
            made,
            task=tags.get(TASK_TAG, "draw"),
            factor=factor,
            sources=sources,
            modalities=modalities,
        )

    @property
    def tags(self) -> dict[str, str]:
        """The tags of such a version."""
        tags = {
            CLASSES_TAG: ",".join(self.classes),
            SIZE_TAG: str(self.image_size),
            REGION_TAG: self.region,
            KINDS_TAG: ",".join(self.kinds),
            MADE_TAG: ",".join(self.made),
        }
        if not self.draws:
            tags |= {TASK_TAG: self.task, FACTOR_TAG: str(self.factor)}
        if self.sources > 1:
            tags |= {SOURCES_TAG: str(self.sources), MODALITIES_TAG: ",".join(self.modalities)}
        return tags
