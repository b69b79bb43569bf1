"""Why a file of the landing zone is not taken in."""

from pipeline.base.errors import BadInputError

# The file may be fine the next time: it is not remembered, so it stays pending.
TRANSIENT = frozenset({"growing", "unreadable"})
# The verdict depends on other files, which a person may have changed since: looked at every time.
RELATIVE = frozenset({"conflict", "bridge"})
# The image is fine by itself, and odd beside the others of its class.
BESIDE_OTHERS = frozenset({"near-duplicate", "outlier", "windowing", "low-information"})
# A person may look at the image and see it otherwise: it can be released.
BY_LOOKS = frozenset({"low-contrast", "too-small", "too-long", "burnt-in"}) | BESIDE_OTHERS


class Refused(BadInputError):  # noqa: N818 - a verdict on one file, not a failure of ingest
    """One file is quarantined: `reason` is a short name for machines, `detail` a sentence.

    The detail never holds a file's or a folder's name: it is kept in versioned records. `image_id`
    is of the pixels, where those were decoded.
    """

    def __init__(self, reason: str, detail: str, image_id: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.image_id = image_id

    def __reduce__(self) -> tuple[type["Refused"], tuple[str, str, str]]:
        return type(self), (self.reason, self.detail, self.image_id)
