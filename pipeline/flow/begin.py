"""Creating a project: its folders, and a commented file for its changes to the defaults."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from pipeline.base.errors import BadInputError
from pipeline.base.files import write_atomically
from pipeline.base.project import Project
from pipeline.data.config import IngestConfig
from pipeline.data.formats import decode
from pipeline.data.landing.zone import LandedFile, laid_out, open_stable, read_whole, scan
from pipeline.data.layout import AmbiguousClassesError, Layout, advice_on, find_layout
from pipeline.data.refusal import Refused
from pipeline.ledger.journal import Journal
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.project_params import ProjectParams

_LOOKED_AT = 48
_SIZES = (64, 128)

_HEAD = """\
# The parameters of the project {name}: what differs from the defaults.
#
# A key that is left out keeps its default. `medloom --project {name} params show` lists all that is
# in force, with what each key means; `params diff` lists what this file changes. Take the # off a
# line to change it.
"""

_KEYS = """
preprocess:
  # size: {side}  # side of the images, a power of two; 128 takes four times as long as 64
  # views: [axial]  # learn from one view alone, where files say which they show
  # region: {{frame: trunk, centre: [0.0, 0.14], half_side: 0.72}}  # both kidneys: docs/regions.md

train:
  # kimg: 60.0  # thousands of training images shown; the default is a demonstration's
  # budget_minutes: 60.0  # length by the clock instead
  # start: champion  # go on from the champion's networks instead of fresh ones

ingest:
  # patient_pattern: '^(?P<patient>[A-Z]+-[0-9]+)_'  # over file names; its group names the patient
  # add_classes: []  # classes that may come although the project began without them

retrain:
  # min_new_images: 50  # new images that are worth a training

change_control:
  # approval: outside  # of a person before a promotion: never, outside (the plan) or always
"""


_DEMO = """\
# The demo learns from both kidneys of each slice at their own resolution. In 64 pixels of the whole
# slice a stone of the phantom is less than 2 wide; here it is 2 to 4. docs/regions.md tells more.
preprocess:
  region: {frame: trunk, centre: [0.0, 0.14], half_side: 0.72}
# A VAE is trained as long, in the time that the generator leaves of the cores; the report has both.
evaluate:
  baseline: vae
"""

_DEMO_PAIRS = """\
# The demo of pairs learns to make one image of two registered ones. docs/families.md tells more.
preprocess:
  modalities: [{modalities}]
train:
  family: fuse_difference
  kimg: 6.0
"""


@dataclass(frozen=True)
class Survey:
    """A summary of a folder of images.

    Attributes:
        files: number of files by class; "" are those outside class folders.
        side: median of the shorter side of the decoded images, in pixels; 0: none was decoded.
        looked_at, refused: number of files tried, and of those that could not be decoded.
    """

    files: dict[str, int]
    side: int
    looked_at: int
    refused: int
    unclear: str

    @property
    def size(self) -> int:
        """The largest offered size that does not enlarge the images."""
        return max((one for one in _SIZES if one <= self.side), default=_SIZES[0])

    @property
    def lines(self) -> list[str]:
        """The summary, one finding per line."""
        classes = ", ".join(f"{label or 'no class'} {n}" for label, n in sorted(self.files.items()))
        found = [f"{sum(self.files.values())} files: {classes}"]
        if self.side:
            found.append(f"the shorter side of {self.looked_at} of them is {self.side} px (median)")
        if self.refused:
            found.append(f"{self.refused} of {self.looked_at} cannot be read; `ingest` says why")
        return found + [self.unclear] * bool(self.unclear)


def survey(data: Path, config: IngestConfig) -> Survey:
    """Count a folder's files by class, and decode an evenly spaced sample.

    Raises:
        BadInputError: it is not a folder, or has no files.
    """
    if not data.is_dir():
        raise BadInputError(f"{data} is not a folder; give one with a folder of images per class")
    found = [one for one in scan(data)[0] if not one.sidecar]
    if not found:
        raise BadInputError(f"{data} has no files; give a folder with a folder of images per class")
    layout, unclear = Layout(), ""
    try:
        layout = find_layout((one.path for one in found), (), config.class_folder)
    except AmbiguousClassesError as error:
        unclear = f"{error.shown()}; {advice_on(error, option=True)} of `medloom ingest`"
    chosen = found[:: -(-len(found) // _LOOKED_AT)]
    sides = [side for one in chosen if (side := _side(data, one, config))]
    return Survey(
        files=dict(Counter(one.label for one in laid_out(found, layout))),
        side=int(median(sides)) if sides else 0,
        looked_at=len(chosen),
        refused=len(chosen) - len(sides),
        unclear=unclear,
    )


def begin_project(project: Project, data: Path | None = None) -> tuple[Path, Survey | None]:
    """Create a project's folders and its commented params.yaml; returns that file and the survey.

    Args:
        project: the project.
        data: folder of images from which parameters are suggested; it is only read.

    Raises:
        BadInputError: the project has a params.yaml, or `data` is not a folder of images.
    """
    file = project.params_file
    if file.exists():
        raise BadInputError(
            f"{file} exists and is not overwritten; edit it, or see `medloom --project "
            f"{project.name} params show`"
        )
    config = ProjectParams.of(project).section("ingest", IngestConfig)
    found = survey(data, config) if data else None
    head = _HEAD.format(name=project.name)
    if found:
        head += "#\n" + "".join(f"# {line}\n" for line in found.lines)
    keys = _KEYS.format(side=found.size if found else _SIZES[1])
    project.landing.mkdir(parents=True, exist_ok=True)
    write_atomically(file, head + keys)
    return file, found


def begin_demo(project: Project, modalities: Sequence[str] = ()) -> bool:
    """Let a project without parameters and verdicts learn as the demo does.

    Args:
        project: the project.
        modalities: of the pairs that it learns to fuse; (): it draws both kidneys.

    Returns:
        Whether it does so now; False for a project that has parameters of its own.
    """
    params = ProjectParams.of(project)
    if params.changes or Journal(Ledger(project)).records:
        return False
    pairs = _DEMO_PAIRS.format(modalities=", ".join(modalities))
    write_atomically(project.params_file, pairs if modalities else _DEMO)
    return True


def _side(data: Path, found: LandedFile, config: IngestConfig) -> int:
    """The shorter side of a file's first image, in pixels; 0 if it cannot be read."""
    if found.refused:
        return 0
    try:
        with open_stable(data, found) as stream:
            content = read_whole(stream, found, config.max_bytes)
        first = next(iter(decode(content, config)))
    except (Refused, StopIteration):
        return 0
    return 0 if isinstance(first, Refused) else min(first.pixels.shape)
