"""Read what lies beside one file of the landing zone, in a reader's process."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from pipeline.data.config import IngestConfig
from pipeline.data.findings import Finding
from pipeline.data.formats import SNIFF_BYTES, sniff
from pipeline.data.formats.archives import members
from pipeline.data.formats.masks import numbers_of
from pipeline.data.formats.sniff import ARCHIVES
from pipeline.data.landing.marks import Wrong
from pipeline.data.landing.zone import LandedFile, Sidecar, open_stable, read_whole
from pipeline.data.marks import names, yolo
from pipeline.data.marks.annotated import (
    NOTHING_BESIDE,
    Annotated,
    WrongMarkError,
    bodies,
    checked,
    findings_of,
    kind_of,
)
from pipeline.data.marks.truth import read_truth
from pipeline.data.refusal import Refused

_Numbers = NDArray[np.uint16]


@dataclass(frozen=True)
class _Mask:
    """Planes of a mask, and the kinds of the numbers in it."""

    planes: Sequence[_Numbers]
    kinds: dict[int, str]


class BesideReader:
    """What lies beside one file, for each image in it.

    One source is used: a list, else masks, else a YOLO file, else a truth.
    """

    def __init__(self, landing: Path, found: LandedFile, config: IngestConfig) -> None:
        """Read nothing yet.

        Args:
            landing: folder of the files.
            found: the file, with what lies beside it.
            config: limits, and the kinds of numbers.
        """
        self._landing, self._found, self._config = landing, found, config
        self._beside = {
            form: [one for one in found.beside if one.form == form]
            for form in ("mask", "yolo", "truth", "names")
        }
        self._masks: list[_Mask] | None = None

    @property
    def says_something(self) -> bool:
        """Whether anything may say where findings are."""
        return bool(self._given)

    @property
    def _given(self) -> list[str]:
        forms = ["list"] if self._found.marks is not None else []
        return forms + [form for form in ("mask", "yolo", "truth") if self._beside[form]]

    def of(
        self, number: int, shape: Sequence[int], label: str, *, volume: bytes = b"",
        alone: bool = True,
    ) -> Annotated:  # fmt: skip
        """What lies beside one image.

        Args:
            number: of the image in the file, from 0.
            shape: height and width of the image, pixels.
            label: its class, which is the kind of findings that name none.
            volume: the file's bytes, if it is a NIfTI; its masks are volumes then.
            alone: whether the image lies as in the file, and is the only one there. If not, only
                a volume's masks have a meaning.
        """
        if not self.says_something:
            return NOTHING_BESIDE
        form, others = self._given[0], len(self._given) > 1
        try:
            if not alone and not (form == "mask" and volume):
                return Annotated(wrong="other-size", others=others)
            found, spacing = self._found_by(form, number, shape, label, volume)
            return Annotated(found, others=others, spacing=spacing)
        except WrongMarkError as error:
            return Annotated(wrong=error.wrong, others=others)
        except Refused as error:
            wrong: Wrong = "synthetic" if error.reason == "synthetic" else "unreadable"
            return Annotated(wrong=wrong, others=others)

    def _found_by(
        self, form: str, number: int, shape: Sequence[int], label: str, volume: bytes
    ) -> tuple[tuple[Finding, ...] | None, str]:
        """The findings, and the spacing where the source gives it."""
        height, width = shape
        if form == "mask":
            return self._of_masks(number, height, width, label, volume), ""
        if form == "truth":
            return read_truth(self._read(self._beside["truth"][0]), height, width)
        marks = self._found.marks
        if marks is None:
            marks = yolo.read_yolo(self._read(self._beside["yolo"][0]), self._kinds())
        return findings_of(marks, label, height, width), ""

    def _of_masks(
        self, number: int, height: int, width: int, label: str, volume: bytes
    ) -> tuple[Finding, ...]:
        """The bodies of all masks of an image; None of them: nothing is there."""
        if self._masks is None:
            self._masks = [self._mask(one, volume) for one in self._beside["mask"]]
        found: list[Finding] = []
        for mask in self._masks:
            planes = mask.planes
            if number >= len(planes) or planes[number].shape != (height, width):
                raise WrongMarkError("other-size")
            for value, kind in mask.kinds.items():
                if kind != names.LEFT_OUT:
                    found += bodies(kind or kind_of(label), planes[number] == value)
        return checked(tuple(found))

    def _mask(self, one: Sidecar, volume: bytes) -> "_Mask":
        data = self._read(one)
        planes: list[_Numbers] | None
        if volume:
            from pipeline.data.formats.nifti import planes_of_numbers

            planes = planes_of_numbers(data, volume, self._config)
        else:
            planes = [numbers_of(data, self._config)]
        if planes is None:
            raise WrongMarkError("other-size")
        values = {int(value) for plane in planes for value in np.unique(plane)}
        if one.kind:
            return _Mask(planes, dict.fromkeys(sorted(values - {0}), kind_of(one.kind)))
        return _Mask(planes, self._kinds().of_mask(values))

    def _kinds(self) -> names.Kinds:
        """Kinds by the parameter, else by the nearest file of names; two that disagree are none."""
        if self._config.finding_kinds:
            return names.kinds_of_list(self._config.finding_kinds)
        files = self._beside["names"]
        nearest = [one for one in files if one.file.path.count("/") == _depth(files)]
        found = [
            names.parse_names(PurePosixPath(one.file.path).name, self._read(one)) for one in nearest
        ]
        if any(kinds != found[0] for kinds in found):
            raise WrongMarkError("unknown-kind")
        return found[0] if found else names.Kinds()

    def _read(self, one: Sidecar) -> bytes:
        """The bytes of a file beside the image, inflated."""
        limit = {"yolo": yolo.LONGEST, "names": names.LONGEST}.get(one.form, self._config.max_bytes)
        with open_stable(self._landing, one.file) as stream:
            kind = sniff(stream.read(SNIFF_BYTES))
            stream.seek(0)
            if kind not in ARCHIVES:
                return read_whole(stream, one.file, limit)
            for _, member in members(stream, kind, self._config):
                if isinstance(member.content, bytes) and not member.path:
                    return member.content
        raise WrongMarkError("unreadable")


def _depth(files: Sequence[Sidecar]) -> int:
    return max((one.file.path.count("/") for one in files), default=0)
