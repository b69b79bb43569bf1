r"""Find names that look as if they held the patient: person12_bacteria_34.jpeg, HX-1093/0001.png.

A token is a number, mostly with a word before it, that several files of one folder share. What
counts files, such as img_0001 or Cyst- (12), is no token. A wrong hint costs more than a missing
one, so a number without a word for a patient needs more evidence: gaps between its values, as
identifiers have them, or a second number that counts the patient's files.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

_PATIENT_WORD = re.compile(
    "person|patients?|pat|pt|ptnt|pid|patientid|subject|subj|sub|case|study|exam"
)
_COUNTING_WORD = re.compile(
    "im|img|images?|pic|picture|photo|scan|slice|sl|frame|fr|f|view|v|series|ser|se|page|tile|"
    "patch|crop|aug|augmented|copy|rot|angle|x|y|z|t|time|dup|batch|set|part|split|fold|train|test|"
    "val|valid|class|label|grade|stage|level|type|kl|birads|rads|score|px|ver|version|files?|data|"
    "dataset|no|nr|n|num|number|idx|index|seq|sequence|roi|mask|seg|box|day|week|month|year|visit|"
    "screenshot|snap|dsc|dscn|dscf|pxl|fig|figure|phase|left|right|l|r"
)
_NUMBER = re.compile(r"(?:(?<![A-Za-z])([A-Za-z]{1,20}))?([-_ .]?)(\d{1,20})(?![A-Za-z0-9])")
_DATE = re.compile(r"(?:19|20)\d\d(?:(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))?")
_LEAST_PATIENTS = 3
_LEAST_NUMBERS = 10  # distinct values of a number without gaps and without a patient's word
_LEAST_GAPPED = 5  # of one with gaps
_SHARED, _SHARED_OF_PATIENTS = 0.5, 0.15  # share of the files that have another file's token

_Where = Literal["folder", "name"]


@dataclass(frozen=True)
class TokenHint:
    """Patients that names seem to hold.

    Attributes:
        pattern: the argument of `--patient-from`; its group `patient` finds the token.
        patients: distinct tokens that it finds.
        files: paths in which it finds one.
        example: the shape of such a name, its numbers and other words left out.
    """

    pattern: str
    patients: int
    files: int
    example: str


@dataclass(frozen=True)
class _Token:
    """A number in a path.

    Attributes:
        folder: of the file, or the token's own folder.
        top: the first folder: the class.
        word: before the number, or "".
        value: the digits.
        rest: of the path's part, after the number and without the extension.
    """

    folder: str
    top: str
    word: str
    value: str
    rest: str


_Key = tuple[_Where, str, str]
"""Where, the word before it or "*" for any, and what separates the two."""


def find_tokens(paths: Iterable[str]) -> TokenHint | None:
    """The best hint about patients in paths; None where no name seems to hold one.

    Args:
        paths: below the landing zone or a source, as "stone/HX-1093_1.png", of images whose
            patients are unknown.
    """
    paths = sorted(paths)
    found: dict[_Key, list[_Token]] = defaultdict(list)
    for path in paths:
        for key, token in _tokens(path):
            found[key].append(token)
    good = {key: tokens for key, tokens in found.items() if _names_patients(key[1], tokens)}
    hints = [_hint(key, paths) for key in good]
    return max(filter(None, hints), key=lambda hint: (hint.files, hint.pattern), default=None)


def _tokens(path: str) -> Iterator[tuple[_Key, _Token]]:
    """The numbers of each part of a path that may be a patient's: by their word, and by any."""
    *folders, name = path.split("/")
    top = folders[0] if folders else ""
    stem = name.rsplit(".", 1)[0] if "." in name[1:] else name
    parts: list[tuple[_Where, str, str]] = [
        ("folder", folder, "/".join(folders[: depth + 1]))
        for depth, folder in enumerate(folders)
        if depth
    ]
    for where, part, folder in [*parts, ("name", stem, "/".join(folders))]:
        for match in _numbers(part):
            word = (match[1] or "").lower()
            token = _Token(folder, top, word, match[3], part[match.end() :])
            yield (where, word, match[2]), token
            if word and match.start() == 0:
                yield (where, "*", match[2]), token


def _numbers(part: str) -> Iterator[re.Match[str]]:
    """The first number of a folder's or file's name, and those with a patient's word."""
    for place, match in enumerate(_NUMBER.finditer(part)):
        worded = bool(match[1] and _PATIENT_WORD.fullmatch(match[1].lower()))
        if worded or (place == 0 and (match[1] or match.start() == 0)):
            yield match


def _names_patients(word: str, tokens: Sequence[_Token]) -> bool:
    """Whether tokens of one kind seem to be patients."""
    if any(_counts(token.word) for token in tokens):
        return False
    values = {token.value for token in tokens}
    together = Counter((token.folder, token.value) for token in tokens)
    shared = sum(count for count in together.values() if count > 1) / len(tokens)
    if _PATIENT_WORD.fullmatch(word):
        return len(values) >= _LEAST_PATIENTS and shared >= _SHARED_OF_PATIENTS
    if shared < _SHARED or all(map(_DATE.fullmatch, values)) or _are_derived(tokens):
        return False
    if _has_gaps(values):
        return len(values) >= _LEAST_GAPPED
    if word == "*" or any(token.word == token.top.lower() for token in tokens):
        return False  # a class's name, and its count
    counted = sum(bool(re.search(r"\d", token.rest)) for token in tokens)
    return len(values) >= _LEAST_NUMBERS and counted == len(tokens) and not _restarts(tokens)


def _counts(word: str) -> bool:
    return bool(_COUNTING_WORD.fullmatch(word))


def _has_gaps(values: Iterable[str]) -> bool:
    """Whether numbers are identifiers, of which some are missing, and no count."""
    numbers = sorted({int(value) for value in values})
    return numbers[-1] - numbers[0] + 1 >= 2 * len(numbers)


def _restarts(tokens: Iterable[_Token]) -> bool:
    """Whether each class, by folder or by word, counts anew."""
    places: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for token in tokens:
        places[token.value].add((token.top, token.word))
    return 2 * sum(len(each) > 1 for each in places.values()) >= len(places)


def _are_derived(tokens: Iterable[_Token]) -> bool:
    """Whether tokens are shared by files and what was made of them: 0001.png, 0001_mask.png."""
    rests: dict[tuple[str, str], set[str]] = defaultdict(set)
    for token in tokens:
        rests[token.folder, token.value].add(re.sub(r"[\W_]", "", token.rest))
    shared = [each for each in rests.values() if len(each) > 1]
    return 2 * sum("" in each for each in shared) > len(shared)


# -- the pattern -----------------------------------------------------------------------------------


def _hint(key: _Key, paths: Sequence[str]) -> TokenHint | None:
    """The hint, by what its pattern finds; None where that is not what was counted."""
    where, word, separator = key
    pattern = _pattern(where, word, separator, paths)
    search = re.compile(pattern).search
    found = {path: match["patient"] for path in paths if (match := search(path))}
    patients = {patient.casefold() for patient in found.values()}
    if len(patients) < _LEAST_PATIENTS or len(patients) == len(found):
        return None
    return TokenHint(pattern, len(patients), len(found), _example(min(found), where, word))


def _pattern(where: _Where, word: str, separator: str, paths: Sequence[str]) -> str:
    begin = "(?<![A-Za-z0-9])" if word else "(?:^|/)"
    gap = separator.replace(".", r"\.")
    end = "(?![A-Za-z0-9])[^/]*" + ("/" if where == "folder" else "$")
    if word == "*":
        return rf"(?:^|/)[A-Za-z]+{gap}(?P<patient>\d+){end}"
    if not word:
        return rf"{begin}{gap}(?P<patient>\d+){end}"
    spelt = {match[1] for path in paths for match in _NUMBER.finditer(path) if match[1]}
    spelt = {one for one in spelt if one.lower() == word}
    said = spelt.pop() if len(spelt) == 1 else f"(?i:{word})"
    return rf"{begin}(?P<patient>{said}{gap}\d+){end}"


def _example(path: str, where: _Where, word: str) -> str:
    """The shape of a name: # for a number, * for any word but the token's own."""
    *folders, name = path.split("/")
    stem, dot, extension = name.rpartition(".") if "." in name[1:] else (name, "", "")

    def shape(part: str) -> str:
        words = re.sub(r"[^\W\d_]+", lambda match: _shown(match[0], word), part)
        return re.sub(r"\d+", "#", words)

    tail = "".join(f"{shape(folder)}/" for folder in folders[1:]) if where == "folder" else ""
    return f"{tail}{shape(stem)}{dot}{extension}"


def _shown(found: str, word: str) -> str:
    return found if found.lower() == word else "*"
