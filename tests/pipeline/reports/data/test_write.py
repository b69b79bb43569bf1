"""Data report and diff of a small project: they show what was planted, and no names."""

import base64
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from pipeline.audit.uses import find_uses
from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.cli.main import app
from pipeline.data.names import phantom_group
from pipeline.data.reading import readers
from pipeline.data.reading.burnt_in import glyphs_in_a_row
from pipeline.data.revise.diff import changes, find_revision
from pipeline.data.revise.relabelling import relabel
from pipeline.data.revise.revision import Revisions
from pipeline.data.revise.withdrawal import withdraw
from pipeline.data.sample import spread
from pipeline.flow import steps
from pipeline.ledger.ledger import Ledger
from pipeline.reports.data.data_facts import DataFacts
from pipeline.reports.data.findings import findings
from pipeline.reports.data.write import report_on_data
from tests.pipeline.data.reading.test_burnt_in import written
from tests.support.consenting import Clinic
from tests.support.pictures import Grey, encode, picture, put

pytestmark = pytest.mark.usefixtures("dvc_in_process")

BATCH = 24  # patients per class and batch, of one image each
GONE, WRONG = 3, (1, 2)  # patients withdrawn, and relabelled
TEXT = written("DOE JANE 1970", 256, 20)
LONG = np.hstack([picture(seed, 32) for seed in range(901, 906)])
THEIRS = np.hstack([picture(seed, 32) for seed in range(911, 916)])
FLAT = (picture(900) // 200 + 60).astype(np.uint8)


@dataclass(frozen=True)
class GrownClinic:
    """A batch, one with brighter and noisier stones, two corrections, one withdrawal.

    Attributes:
        project: the project.
        first, second, corrected, without: commits.
    """

    clinic: Clinic
    first: str
    second: str
    corrected: str
    without: str

    @property
    def project(self) -> Project:
        return self.clinic.project

    @property
    def ledger(self) -> Ledger:
        return self.clinic.ledger


def shape_of(patient: int) -> Grey:
    """Every third image is wider than high."""
    pixels = picture(patient)
    return pixels if patient % 3 else np.ascontiguousarray(np.hstack([pixels, pixels[:, :16]]))


def admit(clinic: Clinic, label: str, patients: range, brighter: int = 0, noise: int = 1) -> None:
    for patient in patients:
        pixels = shape_of(patient).astype(int) // 2 + 20 + brighter
        pixels += np.random.default_rng(patient).integers(0, noise, pixels.shape)
        put(
            clinic.project.landing / label / f"phantom-{patient:05d}-a.png",
            encode(pixels.astype(np.uint8)),
        )


def annotate(clinic: Clinic, label: str, *patients: int) -> None:
    """A mask beside the patients' images, of 12 x 10 pixels."""
    for patient in patients:
        mask = np.zeros_like(shape_of(patient))
        mask[10:20, 12:24] = 255
        put(clinic.project.landing / label / f"phantom-{patient:05d}-a_mask.png", encode(mask))


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> GrownClinic:
    tasks_readers, readers.READERS = readers.READERS, 0
    folder = tmp_path_factory.mktemp("jane-doe")
    clinic = Clinic.at(Clinic.lay_out(folder))
    admit(clinic, "cyst", range(BATCH))
    admit(clinic, "stone", range(100, 100 + BATCH))
    annotate(clinic, "cyst", *WRONG, GONE)
    annotate(clinic, "stone", 100, 101)
    steps.ingest(clinic.project)
    first = clinic.data
    clinic.judge()
    admit(clinic, "cyst", range(BATCH, 2 * BATCH))
    admit(clinic, "stone", range(100 + BATCH, 100 + 2 * BATCH), brighter=40, noise=20)
    landing = clinic.project.landing
    put(landing / "stone" / "Muster, Erika 1961.png", encode(TEXT))
    put(landing / "stone" / "erika-flat.png", encode(FLAT))
    put(landing / "stone" / "erika-long.png", encode(LONG))
    put(landing / "cyst" / f"phantom-{GONE:05d}-b.png", encode(THEIRS))
    put(landing / "cyst" / "erika-again.png", (landing / "cyst/phantom-00000-a.png").read_bytes())
    put(landing / "cyst" / "erika.txt", b"Erika Muster")
    annotate(clinic, "stone", 102)
    steps.ingest(clinic.project)
    second = clinic.data
    wrong = {f"phantom-{patient:05d}": "stone" for patient in WRONG}
    relabel(clinic.project, wrong, by="a reader", reason="second reading")
    corrected = clinic.data
    withdraw(clinic.project, clinic.shelf, f"phantom-{GONE:05d}", by="a clerk", reason="letter 17")
    readers.READERS = tasks_readers
    return GrownClinic(clinic, first, second, corrected, clinic.data)


@pytest.fixture(scope="module")
def page(grown: GrownClinic, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, DataFacts]:
    out = tmp_path_factory.mktemp("out") / "new" / "page.html"
    facts = report_on_data(grown.project, out, against=grown.first[:10])
    return out.read_text(), facts


def pictures_of(text: str) -> list[Any]:
    uris = re.findall(r"data:image/(?:png|jpeg);base64,([A-Za-z0-9+/=]+)", text)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(uri)))) for uri in uris]


def shows(text: str, pixels: Grey) -> bool:
    """Whether a picture of the page is this image and not a mosaic."""
    grey = [found for found in pictures_of(text) if found.ndim == 2]
    for found in grey:
        small = Image.fromarray(pixels).resize(found.shape[::-1], Image.Resampling.BOX)
        alike = np.corrcoef(found.ravel(), np.asarray(small).ravel())[0, 1]
        if found.shape != (24, 24) and alike > 0.98:
            return True
    return False


def command(project: Project, *arguments: str) -> str:
    result = CliRunner().invoke(app, ["data", *arguments], env=project.environment())
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout


def test_counts_are_the_manifests(grown: GrownClinic, page: tuple[str, DataFacts]) -> None:
    facts = page[1]
    rows = Revisions(grown.ledger).rows(grown.without)
    assert facts.images == len(rows) == 4 * BATCH - 1
    counting = {(row.label, row.split): row.images for row in facts.splits}
    for (label, split), images in counting.items():
        assert images == sum((row.label, row.split) == (label, split) for row in rows)
    assert {size.name for size in facts.sizes} == {"48x48", "64x48"}
    assert sum(size.images for size in facts.sizes) == facts.images
    assert [batch.images for batch in facts.batches] == [2 * BATCH, 2 * BATCH - 1]
    assert facts.groups.count == facts.groups.patients == facts.images
    assert sum(one.images for one in facts.levels) == facts.images


def test_small_images_that_are_left_out_are_a_finding(page: tuple[str, DataFacts]) -> None:
    _, facts = page
    assert facts.small == 0, "networks that draw take them all"
    found = findings(facts.model_copy(update={"small": 3, "size": 256}))
    said = f"3 images of {facts.images} are smaller than preprocess.size, 256 px"
    assert any(state == "maybe" and text.startswith(said) for state, text in found)


def test_grey_levels_are_those_of_the_pixels(page: tuple[str, DataFacts]) -> None:
    bright = {one.label: one for one in page[1].levels}
    assert bright["stone"].mean_grey[2] > bright["cyst"].mean_grey[2] + 10
    assert sum(bright["stone"].histogram) == pytest.approx(1)
    darkest = np.clip(picture(100).astype(int) // 2 + 20, 0, 255).min()
    assert darkest >= 20
    assert bright["stone"].black == 0


def test_planted_differences_are_reported(grown: GrownClinic, page: tuple[str, DataFacts]) -> None:
    facts = page[1]
    drift = {one.label: one for one in facts.drift}
    assert drift["stone"].kernel is not None
    assert drift["stone"].intensity is not None
    assert drift["stone"].kernel.beyond
    assert drift["stone"].intensity.beyond
    assert drift["stone"].intensity.value == pytest.approx(50, abs=12)
    cyst = drift["cyst"]
    assert (cyst.old, cyst.new) == (BATCH - len(WRONG) - 1, BATCH)
    assert cyst.kernel is not None
    assert cyst.intensity is not None
    assert not cyst.kernel.beyond
    assert not cyst.intensity.beyond
    assert any("stone" in says for state, says in findings(facts) if state == "maybe")


def test_the_same_revision_against_itself_has_not_drifted(grown: GrownClinic) -> None:
    facts = report_on_data(grown.project, None, grown.second, grown.second)
    assert facts.changes is not None
    assert facts.changes.nothing
    assert facts.drift == ()


def test_changes_add_up(grown: GrownClinic) -> None:
    found = changes(grown.ledger, Revisions(grown.ledger), grown.first, grown.without)
    assert found.total("before") == 2 * BATCH
    assert found.total("added") == 2 * BATCH
    assert found.total("removed") == 1
    assert found.total("relabelled_in") == found.total("relabelled_out") == len(WRONG)
    assert found.total("after") == 4 * BATCH - 1
    for cell in found.cells:
        gained = cell.added + cell.relabelled_in + cell.moved_in
        assert cell.before + gained - cell.removed - cell.relabelled_out == cell.after
    assert {(one.before, one.after) for one in found.relabelled} == {("cyst", "stone")}
    assert found.removed == (row_of(grown, GONE),)
    assert [(step.action, step.by) for step in found.steps] == [
        ("", ""), ("relabelled", "a reader"), ("withdrawn", "a clerk"),
    ]  # fmt: skip
    assert all(step.record for step in found.steps[1:])


def row_of(grown: GrownClinic, patient: int) -> str:
    group = phantom_group(f"phantom-{patient:05d}")
    rows = Revisions(grown.ledger).ever().values()
    (id_,) = [row.id for row in rows if row.group == group]
    return id_


def test_changes_to_an_older_revision_are_backwards(grown: GrownClinic) -> None:
    revisions = Revisions(grown.ledger)
    back = changes(grown.ledger, revisions, grown.second, grown.first)
    assert back.backwards
    assert (back.total("added"), back.total("removed")) == (0, 2 * BATCH)


def test_revisions_by_name(grown: GrownClinic) -> None:
    ledger, revisions = grown.ledger, Revisions(grown.ledger)
    key = grown.clinic.shelf.keys[1]
    grown.ledger.mirror.run("push", "-q", ledger.url, f"{grown.second}:refs/tags/before-17")
    for text in (grown.first[:7], "champion", "1", key):
        assert find_revision(text, ledger, revisions) == grown.first
    assert find_revision("before-17", ledger, revisions) == grown.second
    for text in ("previous", "2", "beef", "--upload-pack=x"):
        with pytest.raises(BadInputError, match="no data revision"):
            find_revision(text, ledger, revisions)


def test_no_name_is_in_it(grown: GrownClinic, page: tuple[str, DataFacts]) -> None:
    landing = grown.project.landing
    names = {word for file in landing.rglob("*") for word in (file.name, file.stem)}
    names = (names - {"cyst", "stone"}) | {"Muster", "Erika", "erika", "jane-doe", str(landing)}
    for text in (page[0], page[1].model_dump_json()):
        assert [name for name in sorted(names) if name in text] == []
    assert "<script" not in page[0]
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", page[0])


def test_quarantined_text_is_shown_as_a_mosaic(
    grown: GrownClinic, page: tuple[str, DataFacts]
) -> None:
    text, facts = page
    assert facts.reasons == {"burnt-in": 1, "low-contrast": 1, "not-an-image": 1, "too-long": 2}
    assert glyphs_in_a_row(TEXT) >= 5
    assert not shows(text, TEXT)
    assert not shows(text, FLAT)
    assert shows(text, LONG)
    mosaics = [found for found in pictures_of(text) if found.shape == (24, 24)]
    small = np.asarray(Image.fromarray(TEXT).resize((24, 24), Image.Resampling.BOX))
    assert max(np.corrcoef(one.ravel(), small.ravel())[0, 1] for one in mosaics) > 0.99
    assert len(mosaics) == 2
    assert facts.duplicates is not None
    assert [one.image for one in facts.duplicates] == [row_of(grown, 0)]


def test_withdrawn_patients_are_counted_but_not_shown(grown: GrownClinic, tmp_path: Path) -> None:
    """Also in an old revision; all 24 patients of the class fill its sheet."""
    out = tmp_path / "old.html"
    facts = report_on_data(grown.project, out, revision=grown.first)
    assert (facts.gone, facts.images, facts.newest) == (1, 2 * BATCH, False)
    text = out.read_text()
    assert not shows(text, (shape_of(GONE).astype(int) // 2 + 20).astype(np.uint8))
    assert shows(text, (shape_of(4).astype(int) // 2 + 20).astype(np.uint8))
    assert any("withdrawn" in says for _, says in findings(facts))


def test_quarantined_images_of_withdrawn_patients_are_not_shown(
    page: tuple[str, DataFacts],
) -> None:
    """It was quarantined before, its file is still there, and no ingest has run since."""
    assert page[1].reasons["too-long"] == 2
    assert not shows(page[0], THEIRS)


def test_the_nearest_pairs_are_of_different_groups(
    grown: GrownClinic, page: tuple[str, DataFacts]
) -> None:
    rows = {row.id: row for row in Revisions(grown.ledger).rows(grown.without)}
    for leak in page[1].leak:
        pairs = [(rows[p.tested].group, rows[p.trained].group) for p in leak.pairs]
        assert len(pairs) == len(set(pairs)) > 0
        assert all(rows[p.tested].split == "test" for p in leak.pairs)
        assert leak.highest == pytest.approx(max(p.correlation for p in leak.pairs))


def test_a_sheet_shows_one_of_each_group_first(grown: GrownClinic) -> None:
    rows = Revisions(grown.ledger).rows(grown.without)
    assert spread(rows, 24) == spread(rows[::-1], 24)
    twins = [*rows, *rows]
    assert len({row.group for row in spread(twins, len(rows))}) == len(rows)


def test_the_commands_print_the_same_facts(grown: GrownClinic, page: tuple[str, DataFacts]) -> None:
    told = json.loads(command(grown.project, "report", "--json", "--against", grown.first))
    facts = page[1].model_dump(mode="json")
    assert {k: v for k, v in told.items() if k not in ("findings", "made_at")} == {
        k: v for k, v in json.loads(json.dumps(facts)).items() if k != "made_at"
    }
    found = json.loads(command(grown.project, "diff", "champion", grown.without, "--json"))
    assert found == json.loads(json.dumps(facts["changes"]))
    table = command(grown.project, "diff", grown.first, grown.without)
    for said in ("−1", "a clerk", "letter 17"):
        assert said in " ".join(table.split())
    with pytest.raises(BadInputError, match="medloom data report -o"):
        command(grown.project, "report")
    assert not list(grown.project.workspaces.glob("report-*"))


def test_the_page_of_one_revision_is_the_same_each_time(
    grown: GrownClinic, page: tuple[str, DataFacts], tmp_path: Path
) -> None:
    out = tmp_path / "again.html"
    report_on_data(grown.project, out, against=grown.first)
    one, two = (re.sub("Report of [^<]*", "", text) for text in (out.read_text(), page[0]))
    assert one == two


def test_without_an_index_the_record_of_the_revision_is_shown(
    grown: GrownClinic, tmp_path: Path
) -> None:
    """Another machine: only ledger and remote, no index and no landing zone."""
    places = {
        "MEDLOOM_STATE": str(tmp_path / "far" / "clinic"),
        "MEDLOOM_LEDGER": grown.project.ledger,
        "MEDLOOM_REMOTE": grown.project.remote,
    }
    keyless = places | {"MEDLOOM_PATIENT_KEY_FILE": str(tmp_path / "other.key")}
    facts = report_on_data(Project.load(keyless), tmp_path / "far.html")
    assert facts.images == 4 * BATCH - 1
    assert facts.reasons["burnt-in"] == 1
    assert facts.duplicates is None
    # With the key of the data it reads the index that the last ingest left in the remote.
    with_key = report_on_data(Project.load(places), tmp_path / "near.html")
    assert with_key.duplicates is not None
    assert len(pictures_of((tmp_path / "far.html").read_text())) > 2 * BATCH


def test_findings_are_counted_and_drawn(page: tuple[str, DataFacts]) -> None:
    text, facts = page
    cyst, stone = facts.annotations
    assert (cyst.annotated, cyst.kinds) == (0, ())  # one withdrawn, two relabelled
    assert (stone.annotated, stone.without) == (5, 0)
    assert {kind.kind: (kind.findings, kind.masks) for kind in stone.kinds} == {
        "cyst": (2, 2), "stone": (3, 3),
    }  # fmt: skip
    across = 2 * np.sqrt(120 / np.pi)
    assert stone.kinds[0].diameter_px == pytest.approx((across, across, across), abs=0.01)
    assert stone.kinds[0].diameter_mm is None
    assert "stone, findings outlined" in text
    outlined = text.split("stone, findings outlined")[1].split("</div>")[0]
    assert outlined.count("<img") == 5


def test_findings_that_came_later_are_a_change_of_their_own(grown: GrownClinic) -> None:
    revisions = Revisions(grown.ledger)
    found = changes(grown.ledger, revisions, grown.first, grown.second)
    rows = {row.id: row for row in revisions.rows(grown.second)}
    (gained,) = found.annotated
    assert rows[gained].group == phantom_group("phantom-00102")
    assert found.steps[0].annotated == 1
    assert "findings of 1 image" in found.steps[0].what
    uses = find_uses(grown.project, gained)
    assert [use.findings for use in uses.revisions] == [0, 1, 1, 1]


def test_relabelled_images_keep_their_findings_and_withdrawn_ones_have_none(
    grown: GrownClinic,
) -> None:
    revisions = Revisions(grown.ledger)
    before, after = (
        {row.id: row for row in revisions.rows(commit)} for commit in (grown.second, grown.without)
    )
    gone = [row for row in before.values() if row.id not in after]
    assert [bool(row.findings) for row in gone] == [True]
    assert all(row.findings == before[row.id].findings for row in after.values())
    relabelled = [row for row in after.values() if row.label != before[row.id].label]
    assert [bool(row.findings) for row in relabelled] == [True, True]
