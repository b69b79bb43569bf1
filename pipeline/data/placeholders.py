"""Values that stand in place of a patient's name or number: they identify nobody.

De-identification software writes one value over every patient. Taken for a patient, it would put
all images into one group. A value is compared by its letters and digits alone, in any case.
"""

import re
import unicodedata
from collections.abc import Iterable

_NOUN = r"(?:patients?|subjects?|participants?|persons?|cases?)"
_FIELD = r"(?:ids?|identifiers?|identification|names?|numbers?|nr|code)"
_WORD = (
    r"(?:anon[iy]m(?:[eo]s?|o?us|i[sz][a-z]{1,8})?|anon|deid|deidentifi(?:ed|cation)|"
    r"depersonali[sz]ed|pseudonym(?:ous|i[sz][a-z]{1,8})?|redacted|removed|deleted|erased|cleared|hidden|masked|suppressed|withheld|confidential|undisclosed|"
    r"none|null|empty|missing|dummy|test|unknown|unbekannt|inconnu|desconocido|unnamed|"
    r"unidentified|unspecified|undefined|not(?:available|applicable|given|known|specified))"
)
_SHORT = r"(?:na|nan|nil|nn|tbd|xx+|0+)"
_ANY = rf"(?:{_NOUN}|{_FIELD})"
_NOBODY = re.compile(rf"{_ANY}*{_WORD}+{_ANY}*")
_EMPTY = re.compile(rf"{_NOUN}{_FIELD}?|{_FIELD}|pat{_FIELD}|no(?:{_ANY}+|pat{_FIELD})|{_SHORT}")
_LONGEST = 64  # characters of a DICOM identifier
_OTHER_SCRIPTS = frozenset(["匿名", "不明", "未知", "аноним", "неизвестно", "익명"])


def identifies_nobody(value: str, more: Iterable[str] = ()) -> bool:
    """Whether a value is a placeholder such as ANONYMOUS, 000000, XXXX, -, NOID or "".

    Args:
        value: a patient's name or identifier, from a header, a list or a file name.
        more: further values that identify nobody (`ingest.no_patient`), compared the same way.
    """
    key = _key(value)
    if not key or key in _OTHER_SCRIPTS:
        return True
    if len(key) <= _LONGEST and (_NOBODY.fullmatch(key) or _EMPTY.fullmatch(key)):
        return True
    return is_one_of(value, more)


def is_one_of(value: str, others: Iterable[str]) -> bool:
    """Whether a value is one of these, by letters and digits alone."""
    return _key(value) in {_key(other) for other in others}


def is_vague(value: str) -> bool:
    """Whether a value is a placeholder with a number, such as Anon1 or DEID-0007.

    It may be the pseudonym of one patient, or be written over all of them.
    """
    letters = re.sub(r"\d+", "", key := _key(value[:_LONGEST]))
    return letters != key and bool(_NOBODY.fullmatch(letters))


def _key(value: str) -> str:
    """Letters and digits of a value, folded, without accents; all else separates or decorates."""
    plain = unicodedata.normalize("NFKD", value).casefold()
    marks = (char for char in plain if not unicodedata.combining(char))
    return unicodedata.normalize("NFC", re.sub(r"[\W_]+", "", "".join(marks)))
