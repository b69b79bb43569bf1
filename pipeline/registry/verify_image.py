"""Whether a generated image is what it says it is: its marks, and drawing it again from them."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from pipeline.base.errors import BadInputError, MedloomError
from pipeline.base.project import Project
from pipeline.registry.asked import Asked
from pipeline.registry.edits import Edit
from pipeline.registry.generators import Generators
from pipeline.registry.layout_files import read_layouts
from pipeline.synthetic import watermark
from pipeline.synthetic.keys import MarkKeys
from pipeline.synthetic.marker import WATERMARK_FACT, Marker
from pipeline.synthetic.reading import Mark, is_dicom, read_marks

State = Literal["holds", "broken", "absent", "unknown"]
_NEEDED = ("model", "version", "label", "seed")


class Answer(NamedTuple):
    """What was found of one mark, or of the pixels.

    Attributes:
        mark: text, sidecar, dicom, c2pa, watermark or pixels.
        state: holds: it says that the image is synthetic, and nothing contradicts it; broken;
            absent; or unknown: it cannot be told here.
        detail: what was found, a sentence.
    """

    mark: str
    state: State
    detail: str


@dataclass(frozen=True)
class Verified:
    """What was found of a file.

    Attributes:
        file: the file.
        facts: what its marks say it was drawn from; None: nothing.
        answers: of each mark, then of the pixels.
    """

    file: Path
    facts: dict[str, Any] | None
    answers: tuple[Answer, ...]

    @property
    def true(self) -> bool:
        """Whether the image is what it says it is: drawn again it is the same, nothing broken."""
        states = {one.mark: one.state for one in self.answers}
        return states["pixels"] == "holds" and "broken" not in states.values()


class ImageVerifier:
    """Verifies files against one project's versions and keys."""

    def __init__(self, project: Project, layout: Path | None = None) -> None:
        """Read the keys, if there are any.

        Args:
            project: whose versions draw.
            layout: the file that images were drawn by, where it was given to `medloom generate`.
        """
        self._project, self._layout = project, layout
        self._keys = MarkKeys.of(project)
        self._generators = Generators(project, withheld=True)  # no image is handed out here

    def verify(self, file: Path) -> Verified:
        """Read a file's marks, draw the image again and compare.

        Raises:
            BadInputError: the file cannot be opened.
        """
        try:
            data = file.read_bytes()
        except OSError as error:
            raise BadInputError(
                f"{file} cannot be read: {error.strerror}; give PNG, JPEG, TIFF or DICOM files"
            ) from error
        marks = read_marks(file, data, self._keys.anchor if self._keys else "")
        answers = [_answer(mark) for mark in marks]
        said = [mark for mark in marks if mark.facts is not None]
        facts = said[0].facts if said else None
        if len({_comparable(mark.facts) for mark in said}) > 1:
            names = " and ".join(mark.name for mark in said)
            answers.append(Answer("facts", "broken", f"{names} do not say the same"))
        try:
            pixels = read_pixels(data)
        except OSError as error:
            answers.append(Answer("pixels", "broken", f"cannot be decoded: {error}"))
        else:
            answers += [self._watermark(pixels, facts), self._pixels(pixels, facts)]
        return Verified(file, facts, tuple(answers))

    def _watermark(self, pixels: NDArray[Any], facts: dict[str, Any] | None) -> Answer:
        if self._keys is None:
            return Answer("watermark", "unknown", "this project has no key to look for it with")
        found = watermark.detect(pixels, self._keys.watermark)
        expected = (facts or {}).get(WATERMARK_FACT)
        measured = f"z {found.z:.1f}, chance {found.p:.0e}"
        if found.found:
            cropped = found.offset != (0, 0)
            where = f", cropped by {found.offset} pixels (modulo 64)" if cropped else ""
            return Answer("watermark", "holds", f"of this project{where} ({measured})")
        if expected == self._keys.watermark_id:
            return Answer("watermark", "broken", f"it should be there and is not ({measured})")
        if expected:
            return Answer("watermark", "unknown", f"of another key, {expected}")
        return Answer("watermark", "absent", measured)

    def _pixels(self, pixels: NDArray[Any], facts: dict[str, Any] | None) -> Answer:
        if facts is None:
            return Answer("pixels", "unknown", "nothing says what to draw again")
        if "mask_of" in facts:
            return Answer("pixels", "unknown", f"the mask of {facts['mask_of']}: verify that one")
        if (larger := facts.get("enlarged_by")) is not None:
            who = f"version {larger.get('version')} of {larger.get('model')}"
            return Answer(
                "pixels", "unknown", f"enlarged by {who}: draw it again by `medloom generate`"
            )
        try:
            again = self._draw(facts, pixels.shape)
        except (MedloomError, KeyError, TypeError, ValueError) as error:
            return Answer("pixels", "unknown", f"cannot be drawn again: {error}")
        return _compared(pixels, again)

    def _draw(self, facts: dict[str, Any], shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """The image that the facts describe, with its watermark; `shape` bounds what is drawn."""
        if missing := [name for name in _NEEDED if name not in facts]:
            raise BadInputError(f"the marks do not say its {', '.join(missing)}")
        if facts["model"] != self._project.model:
            raise BadInputError(
                f"it says that {facts['model']} drew it, and this project is of "
                f"{self._project.model}; choose the project with --project"
            )
        expected = facts.get(WATERMARK_FACT)
        if expected and (self._keys is None or self._keys.watermark_id != expected):
            raise BadInputError(f"it bears the watermark of the key {expected}, which is not here")
        number, seed = int(facts["version"]), int(facts["seed"])
        weights = self._generators.find(number).weights_sha256
        if facts.get("weights_sha256", weights) != weights:
            raise BadInputError(
                f"version {number} has the weights {weights[:12]}…, and the image says "
                f"{facts['weights_sha256'][:12]}…"
            )
        frames, index = int(facts.get("frames", 0)), int(facts.get("index", 0))
        labels = [str(facts["label"])] * (_images_of_walk(facts, frames, shape) if frames else 1)
        layouts = self._layouts(facts, number, labels, index)
        drawn = self._generators.draw(
            number,
            labels,
            seed,
            start=index,
            truncation=float(facts.get("truncation", 1.0)),
            frames=frames,
            layouts=layouts,
            edit=Edit.of_facts(facts.get("edit")),
        )
        marker = Marker(self._keys if expected else None)
        return marker.watermarked(np.concatenate(list(drawn), axis=1))

    def _layouts(self, facts: dict[str, Any], number: int, labels: list[str], index: int) -> Any:
        given = facts.get("layouts_sha256") or [facts.get("layout_sha256")]
        if given != [None]:
            if self._layout is None:
                raise BadInputError("it was drawn by a layout of a file; give it with --layout")
            spec = self._generators.output_spec(number)
            read = read_layouts(self._layout, spec.kinds, spec.image_size, len(labels))
            if list(read.sha256) != given:
                raise BadInputError(f"{self._layout} is not the layout that it was drawn by")
            return read.layouts
        asked, edit = Asked.of_facts(facts.get("asked", {})), Edit.of_facts(facts.get("edit"))
        if edit and edit.moves_findings and asked.nothing:
            return None
        return self._generators.layouts(
            number, labels, int(facts["seed"]), start=index, asked=asked
        )


def _images_of_walk(facts: dict[str, Any], frames: int, shape: tuple[int, ...]) -> int:
    """How many images a walk passes through.

    Raises:
        BadInputError: the strip is not as long as it says.
    """
    images = int(facts["images"])
    if shape[1] != ((images - 1) * frames + 1) * shape[0]:
        raise BadInputError(
            f"{shape[1]}x{shape[0]} pixels are no walk through {images} images in {frames} steps"
        )
    return images


def read_pixels(data: bytes) -> NDArray[Any]:
    """The pixels of a file as they are stored; colour as grey.

    Raises:
        OSError: it is no image, or damaged.
    """
    if is_dicom(data):
        import pydicom

        try:
            pixels = pydicom.dcmread(io.BytesIO(data)).pixel_array
        except Exception as error:  # a damaged file raises errors of any kind
            raise OSError(f"damaged DICOM ({type(error).__name__})") from error
        return np.asarray(pixels if pixels.ndim == 2 else pixels.reshape(pixels.shape[0], -1))
    try:
        with Image.open(io.BytesIO(data)) as image:
            grey = image if image.mode in ("L", "I;16", "I") else image.convert("L")
            return np.asarray(grey)
    except UnidentifiedImageError as error:
        raise OSError("it is no image") from error
    except (SyntaxError, ValueError, Image.DecompressionBombError) as error:  # as Pillow has it
        raise OSError(str(error)) from error


def _answer(mark: Mark) -> Answer:
    state: State = "absent" if not mark.synthetic else "broken" if mark.problem else "holds"
    return Answer(mark.name, state, mark.problem or mark.detail)


def _comparable(facts: dict[str, Any] | None) -> str:
    return repr(sorted((facts or {}).items()))


def _compared(pixels: NDArray[Any], again: NDArray[np.uint8]) -> Answer:
    if pixels.shape != again.shape:
        height, width = pixels.shape[:2]
        rows, columns = again.shape
        return Answer(
            "pixels", "broken", f"{width}x{height} pixels, and {columns}x{rows} were drawn"
        )
    apart = np.abs(pixels.astype(np.int64) - again.astype(np.int64))
    if not apart.any():
        return Answer("pixels", "holds", "drawn again, each is the same")
    share = np.count_nonzero(apart) / apart.size
    told = f"{share:.1%} of them differ, by {int(apart.max())} grey levels at most"
    if (fit := _window_between(again, pixels)) is not None:
        told += f"; as if by a window: about {fit[0]:.2f} times the grey level {fit[1]:+.0f}"
    return Answer("pixels", "broken", told)


def _window_between(before: NDArray[Any], after: NDArray[Any]) -> tuple[float, float] | None:
    """Slope and offset by which a window changed the pixels; None: no window explains it."""
    inside = (after > after.min()) & (after < after.max())
    if np.count_nonzero(inside) < 16 or np.ptp(before[inside]) == 0:
        return None
    slope, offset = np.polyfit(before[inside].astype(float), after[inside].astype(float), 1)
    left = np.abs(slope * before[inside] + offset - after[inside])
    changed = abs(slope - 1) > 0.02 or abs(offset) > 1
    return (float(slope), float(offset)) if changed and float(left.max()) <= 1.5 else None
