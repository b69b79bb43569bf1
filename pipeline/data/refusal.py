"""Reasons why a file of the landing zone is quarantined."""

from pipeline.base.errors import BadInputError

# The file may be fine next time, so it is not recorded and stays pending.
TRANSIENT = frozenset({"growing", "unreadable"})
# The outcome depends on other files, which may have changed since: examined at every ingest.
RELATIVE = frozenset({"conflict", "bridge", "pair"})
# LandedFile by comparing an image with others of its class.
CLASS_CHECKS = frozenset({"near-duplicate", "outlier", "windowing", "low-information"})
# A person may review the image and release it.
RELEASABLE = CLASS_CHECKS | {"low-contrast", "too-small", "too-long", "burnt-in", "label-map"}


class Refused(BadInputError):  # noqa: N818 - the outcome for one file, not a failure of ingest
    """One file is quarantined: `reason` is a short name for machines, `detail` a sentence.

    The detail never holds a file's or a folder's name, since it goes into versioned records.
    `image_id` is set when the pixels were decoded.
    """

    def __init__(self, reason: str, detail: str, image_id: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.image_id = image_id

    def __reduce__(self) -> tuple[type["Refused"], tuple[str, str, str]]:
        return type(self), (self.reason, self.detail, self.image_id)
