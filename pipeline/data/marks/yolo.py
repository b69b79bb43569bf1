"""YOLO's files, one for an image: `number x y width height`, or an outline, in shares of the side.

An empty file says that somebody looked and found nothing.
"""

from collections.abc import Iterator

from pipeline.data.landing.marks import Mark, Marks
from pipeline.data.marks.annotated import WrongMarkError
from pipeline.data.marks.names import LEFT_OUT, Kinds

LONGEST = 4 << 20
_BOX, _OUTLINE = 4, 6


def read_yolo(data: bytes, kinds: Kinds) -> Marks:
    """The findings of a file's lines.

    Args:
        data: of the file.
        kinds: of its numbers.

    Raises:
        WrongMarkError: a line is of another form, or its number has no name.
    """
    try:
        text = data.decode("utf-8-sig")
        return Marks(tuple(_marks(text, kinds)))
    except ValueError:
        raise WrongMarkError("unreadable") from None


def _marks(text: str, kinds: Kinds) -> Iterator[Mark]:
    for line in text.splitlines():
        if not (words := line.split()):
            continue
        number, numbers = float(words[0]), tuple(float(word) for word in words[1:])
        if number != int(number):
            raise ValueError(words[0])
        kind = kinds.of_yolo(int(number))
        if len(numbers) == _BOX:
            x, y, width, height = numbers
            box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
            mark = Mark(kind, box=box, share=True)
        elif len(numbers) >= _OUTLINE and len(numbers) % 2 == 0:
            mark = Mark(kind, polygons=(numbers,), share=True)
        else:
            raise ValueError(line[:80])
        if kind != LEFT_OUT:
            yield mark
