"""Read what lies beside one file of the landing zone, in a reader's process."""

from pathlib import Path

from pipeline.data.config import IngestConfig
from pipeline.data.landing.zone import LandedFile, Sidecar, open_stable, read_whole
from pipeline.data.marks.annotated import NOTHING_BESIDE, Annotated, WrongMarkError, findings_of
from pipeline.data.marks.truth import read_truth
from pipeline.data.refusal import Refused


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
        self._truths = [one for one in found.beside if one.form == "truth"]

    def of(self, number: int, height: int, width: int, label: str) -> Annotated:
        """What lies beside one image.

        Args:
            number: of the image in the file, from 0.
            height, width: of the image, pixels.
            label: its class, which is the kind of findings that name none.
        """
        given = [self._found.marks is not None, bool(self._truths)]
        if not any(given):
            return NOTHING_BESIDE
        others = sum(given) > 1
        try:
            if self._found.marks is not None:
                found = findings_of(self._found.marks, label, height, width)
                return Annotated(found, others=others)
            truth, spacing = read_truth(self._read(self._truths[0]), height, width)
            return Annotated(truth, others=others, spacing=spacing)
        except WrongMarkError as error:
            return Annotated(wrong=error.wrong, others=others)
        except Refused:
            return Annotated(wrong="unreadable", others=others)

    def _read(self, one: Sidecar) -> bytes:
        with open_stable(self._landing, one.file) as stream:
            return read_whole(stream, one.file, self._config.max_bytes)
