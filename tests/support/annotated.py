"""Read findings beside images as a reader's process does, without a project."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.data.config import IngestConfig
from pipeline.data.landing.lists import apply_rows, read_lists
from pipeline.data.landing.zone import scan
from pipeline.data.marks.annotated import Annotated
from pipeline.data.marks.lists import Listed, with_lists
from pipeline.data.reading.examine import Examiner
from pipeline.data.reading.results import Image, Share
from tests.support.pictures import NAMES, put


@dataclass(frozen=True)
class Seen:
    """What was read: the findings of each image by path, the lists, and what is no image."""

    annotated: dict[str, list[Annotated]]
    listed: Listed
    refused: dict[str, str]
    sidecars: int

    @property
    def only(self) -> Annotated:
        """Of the one image there is."""
        ((one,),) = self.annotated.values()
        return one


def read_beside_images(
    folder: Path, files: Mapping[str, bytes | str], config: IngestConfig | None = None
) -> Seen:
    """Put files into a landing zone, list it, and read every file in this process."""
    config = config or IngestConfig()
    landing, store = folder / "landing", folder / "store"
    store.mkdir(exist_ok=True)
    for path, content in files.items():
        put(landing / path, content if isinstance(content, bytes) else content.encode())
    found, passed_over = scan(landing)
    listed = with_lists(landing, apply_rows(found, read_lists(landing, found).rows), config)
    examine = Examiner(landing, config, NAMES, store)
    annotated: dict[str, list[Annotated]] = {}
    refused: dict[str, str] = {}
    for one in listed.files:
        for looks in examine(Share(one)).members.values():
            for look in looks:
                if isinstance(look.result, Image):
                    annotated.setdefault(one.path, []).append(look.annotated)
                else:
                    refused[one.path] = getattr(look.result, "reason", "known")
    return Seen(annotated, listed, refused, passed_over["sidecar"])
