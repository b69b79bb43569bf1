"""The page of a run: complete, self-contained, and explicit about missing parts."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.tasks import names, task_named
from model.utility.config import Arm, UtilityConfig
from model.utility.record import ArmScore, Contrast, Control, Estimate, UtilityReport
from pipeline.evaluation import record
from pipeline.evaluation.figures import draw_curves, draw_grids, draw_nearest
from pipeline.evaluation.record import Evaluation, Figure, Protocol, Statistic
from pipeline.promotion.gate import GateConfig, decide
from pipeline.reports.page import duration, number, size
from pipeline.reports.run.figure_rows import chapters
from pipeline.reports.run.figure_texts import CHAPTERS, PAIRED
from pipeline.reports.run.limits import limits, misuses, uses
from pipeline.reports.run.render import ReportImages, render_report, write_facts
from pipeline.reports.run_facts import (
    Failure,
    IngestFacts,
    ModelFacts,
    QuarantineEntry,
    ReportFacts,
    Resumption,
    SplitCount,
    TaskFacts,
)

CLASSES = ("cyst", "normal", "stone", "tumor")


def evaluation(model: str, level: float, groups: int = 24) -> Evaluation:
    n_fake = dict.fromkeys(CLASSES, 150)
    shared = {"n_real": 120, "n_fake": 600}
    by_class = [
        figure
        for label, value in zip(CLASSES, (0.21, 0.17, 0.19, 0.23), strict=True)
        for figure in (
            Figure(metric="kernel_distance", label=label, protocol="kd_efflite0_n150", value=value,
                   floor=0.02, low=value - 0.04, high=value + 0.04, n_real=30, n_fake=150),
            Figure(metric="ms_ssim_within_class", label=label, protocol="ms_ssim_p200",
                   value=0.5, floor=0.48, n_real=140, n_fake=150),
        )
    ]  # fmt: skip
    by_class += [
        Figure(metric=f"stone_{what}", label="stone", protocol=f"stone_{what}_phantom30",
               value=value, floor=floor, n_real=30, n_fake=150)
        for what, value, floor in (("prevalence", 0.37, 0.97), ("count_distance", 0.6, 0.03))
    ]  # fmt: skip
    overall = [
        ("kernel_distance", "kd_efflite0_n600", level, 0.0053, level - 0.02, level + 0.02),
        ("frechet_distance", "fd_efflite0_n600", 94.0, 26.85, None, None),
        ("ms_ssim_within_class", "ms_ssim_p200", 0.51, 0.48, 0.496, 0.524),
        ("nearest_ssim", "nearest_ssim_k10_n560", 0.455, 0.411, None, None),
        ("close_share", "close_share_k10_n560", 0.035, 0.01, 0.0218, 0.053),
        ("copy_share", "copy_share_r0.97_n560", 0.0, 0.0, 0.0, 0.0061),
        ("repeat_share", "repeat_share_r0.97_n600", 0.02, 0.4, 0.01, 0.035),
        ("c_t", "c_t_efflite0_n560", -3.1, 0.0, None, None),
        ("coverage", "coverage_k5_efflite0_n600", 0.42, 0.91, None, None),
        ("histogram_emd", "histogram_emd_n600", 4.2, 1.1, None, None),
    ]
    figures = [
        Figure(metric=m, label=None, protocol=p, value=v, floor=f, low=a, high=b,
               halves=0.0226 if m == "kernel_distance" else None, **shared)
        for m, p, v, f, a, b in overall
    ]  # fmt: skip
    rng = np.random.default_rng(0)
    return Evaluation(
        model=model,
        protocol=Protocol(
            extractor="efflite0",
            weights_sha256="57" * 32,
            resize="grey x3, antialiased bicubic float32 to 224, clamp, round to uint8",
            fast_path="",
            image_size=64,
            classes=CLASSES,
            real_sha256="ab" * 32,
            train_sha256="cd" * 32,
            n_real=120,
            n_fake=n_fake,
            n_train=560,
            seeds=(0, 1, 2),
            seed=0,
            pairs=200,
            neighbours=10,
            prdc_k=5,
            copy_correlation=0.97,
            ms_ssim_betas=(0.071, 0.453, 0.476),
        ),
        figures=(*figures, *by_class),
        group_scores={
            f"phantom-{i}": tuple((level + rng.normal(0, 0.01, 3)).tolist()) for i in range(groups)
        },
        fake_variance=1e-6,
        classes_drawn=CLASSES,
        statistics=(
            Statistic(
                name="psd_slope", ks=0.87, floor=0.08, p_holm=1e-9, outside=0.6, outside_floor=0.03
            ),
        ),
    )


def facts(**changes: object) -> ReportFacts:
    candidate, champion = evaluation("a1" * 32, 0.16), evaluation("b2" * 32, 0.24)
    counts = {"train": (140, 28), "val": (30, 6), "test": (30, 6)}
    fields = {
        "title": "kidney phantom",
        "made_at": "2026-03-02 03:14 UTC",
        "phantom": True,
        "model": ModelFacts(
            name="kidney-phantom", version=3, alias="champion", weights_sha256="a1" * 32,
            run_key="9f3c1e7a5b2d", data_revision="4e" * 20, code_revision="77" * 20,
        ),
        "champion_version": 2,
        "verdict": decide(candidate, champion, GateConfig(), looks_used=1),
        "evaluation": candidate,
        "ingest": IngestFacts(arrived=824, ingested=800, duplicates=21, quarantined=3),
        "splits": tuple(
            SplitCount(label=label, split=split, images=images, groups=groups)
            for label in CLASSES
            for split, (images, groups) in counts.items()
        ),
        "quarantine": (
            QuarantineEntry(source_sha256="de" * 32, kind="png", size=48_213,
                            reason="burnt-in text over 3 % of the image"),
            QuarantineEntry(source_sha256="0f" * 32, kind="dcm", size=527_104,
                            reason="no pixel data"),
            QuarantineEntry(source_sha256="5a" * 32, kind="txt", size=311,
                            reason="no image <by its content>"),
        ),
        "tasks": (
            TaskFacts(name="ingest", outcome="done", seconds=7.2),
            TaskFacts(name="preprocess", outcome="done", seconds=4.1),
            TaskFacts(name="train", outcome="done", seconds=612.0, tries=2),
            TaskFacts(name="evaluate", outcome="done", seconds=41.7),
            TaskFacts(name="register", outcome="done", seconds=6.0),
            TaskFacts(name="promote", outcome="done", seconds=12.9),
        ),
        "environment": {"cpu": "2 cores", "python": "3.11.9", "torch": "2.14.1"},
    }  # fmt: skip
    return ReportFacts.model_validate(fields | changes)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> ReportImages:
    folder = tmp_path_factory.mktemp("reports")
    rng = np.random.default_rng(0)
    ramps = rng.integers(0, 200, (80, 1, 1)) + np.arange(32)[None, :, None]
    pixels = np.broadcast_to(ramps, (80, 32, 32)).astype(np.uint8)
    labels = np.arange(80, dtype=np.int64) % 4
    draw_grids(folder, CLASSES, (pixels, labels), (pixels[::-1], labels[::-1]), columns=3)
    draw_nearest(folder / "nearest.png", pixels[:4], pixels[4:8], np.linspace(0.9, 0.6, 4))
    history = folder / "history.csv"
    history.write_text("images_seen,loss_g,note\n" + "".join(f"{i},{i**0.5},x\n" for i in range(9)))
    assert draw_curves([history], folder / "curves.png")
    return ReportImages.of(folder)


class Balanced(HTMLParser):
    """Checks that tags are closed; collects the text and the sources of resources."""

    VOID = frozenset({"meta", "img", "br", "link"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.words: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for key, value in attrs if key in {"src", "href"}]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def page(facts: ReportFacts, images: ReportImages, folder: Path) -> Balanced:
    return Balanced(render_report(facts, images, folder / "report.html").read_text())


def test_the_page_shows_verdict_reason_model_and_figures(
    images: ReportImages, tmp_path: Path
) -> None:
    seen = page(facts(), images, tmp_path)
    for said in (
        "Promoted",
        "version 3",
        "champion",
        "kd_efflite0_n600",
        "0.160",
        "floor 0.00530",
        "0.140 to 0.180",
        "24 test groups",
        "look 2 of 20",
        "Do they cover all of the variety?",
        "0.420",
        "−3.10",
        "psd slope",
        "37.0 %",
        "Never for diagnosis",
        "guard:copy_share",
        "10 min 12 s",
        "torch",
    ):
        assert said in seen.text, said


def test_the_page_is_self_contained_and_small(images: ReportImages, tmp_path: Path) -> None:
    seen = page(facts(), images, tmp_path)
    assert len(seen.sources) == 6
    assert all(source.startswith("data:image/") for source in seen.sources)
    text = (tmp_path / "report.html").read_text()
    assert "<script" not in text
    assert "@import" not in text
    assert (tmp_path / "report.html").stat().st_size < 3_000_000


def test_large_pictures_are_inlined_smaller(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (1500, 1500), dtype=np.uint8)
    file = tmp_path / "grid-cyst.png"
    Image.fromarray(noise).save(file)
    seen = page(facts(), ReportImages({"cyst": file}), tmp_path)
    assert seen.sources[0].startswith("data:image/jpeg")
    assert len(seen.sources[0]) < file.stat().st_size


def test_same_facts_same_bytes(images: ReportImages, tmp_path: Path) -> None:
    first, second = (render_report(facts(), images, tmp_path / name) for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()


def test_the_same_facts_are_written_as_json(tmp_path: Path) -> None:
    said = json.loads(write_facts(facts(), tmp_path / "report.json").read_text())
    assert said["verdict"]["outcome"] == "promoted"
    assert said["evaluation"]["figures"][0]["protocol"] == "kd_efflite0_n600"
    assert any("phantom" in limit for limit in said["limits"])
    assert any("diagnosis" in misuse for misuse in said["misuse"])


@pytest.mark.parametrize("task", names())
def test_uses_and_misuses_are_those_of_the_task(task: str) -> None:
    candidate = evaluation("a1" * 32, 0.16)
    protocol = candidate.protocol.model_copy(update={"task": task})
    one = facts(evaluation=candidate.model_copy(update={"protocol": protocol}))
    drawn = task == "draw"
    misused, words = misuses(one), " ".join([*uses(one), *misuses(one), *limits(one)])
    assert ("no image here shows a person" in misused[0]) is drawn
    assert ("figures on copies and membership" in misused[2]) is drawn
    assert ("Tests for copying" in words) is drawn
    assert ("shows that patient" in misused[0]) is not drawn
    assert ("additional training images" in words) is drawn


def test_utility_shows_its_warnings_claims_and_what_was_not_run(
    images: ReportImages, tmp_path: Path
) -> None:
    real, mixed = Arm(kind="real", share=0.1), Arm(kind="mixed", share=0.1, ratio=1.0)
    half = Estimate(value=0.5, low=0.4, high=0.6)
    utility = UtilityReport(
        config=UtilityConfig(),
        classes=CLASSES,
        n_train=560,
        n_test=120,
        train_groups=70,
        test_groups=24,
        arms=tuple(
            ArmScore(
                arm=arm, seeds=(0, 1), real_images=(9, 9), by_seed=(0.5, 0.5),
                balanced_accuracy=half, macro_auc=0.7,
            )
            for arm in (real, mixed)
        ),
        contrasts=(
            Contrast(treated=mixed, reference=real, seeds=(0, 1), p=0.0002, claim="better",
                     difference=Estimate(value=0.12, low=0.05, high=0.19)),
        ),
        control=Control(balanced_accuracy=half, chance=0.25, fires=True),
        not_run=("real 50 %, seed 1",),
        repeatable=False,
        warnings=("The classes come from different scanners.",),
    )  # fmt: skip
    candidate = evaluation("a1" * 32, 0.16).model_copy(update={"utility": utility})
    seen = page(facts(evaluation=candidate), images, tmp_path).text
    for said in (
        "different scanners",
        "real 10 % + synthetic x 1",
        "12.0 points (5.00 to 19.0)",
        "better",
        "Part of any accuracy here may come from them",
        "1 of 5 fits",
    ):
        assert said in seen, said
    assert "Utility for training" not in page(facts(), images, tmp_path).text


def test_a_training_that_went_on_elsewhere_says_so(images: ReportImages, tmp_path: Path) -> None:
    why = "threads was 2 and is 4"
    one = Resumption(images_seen=120, why=why, before={"threads": 2}, after={"threads": 4})
    model = facts().model
    assert model
    resumed = facts(model=model.model_copy(update={"resumed_inexactly": (one,)}))
    seen = page(resumed, images, tmp_path).text
    assert "after 120 images: threads was 2 and is 4" in seen
    assert "would not give these weights bit for bit" in seen
    said = json.loads(write_facts(resumed, tmp_path / "card.json").read_text())
    assert said["model"]["resumed_inexactly"][0]["after"] == {"threads": 4}
    assert "bit for bit" not in page(facts(), images, tmp_path).text


def test_a_training_that_went_on_from_a_version_is_said_to(
    images: ReportImages, tmp_path: Path
) -> None:
    model = facts().model
    assert model
    start = "the networks of version 3 (run 0a1b)"
    warm = page(facts(model=model.model_copy(update={"start": start})), images, tmp_path).text
    assert warm.count(start) == 2
    assert "a withdrawal of one of them concerns it" in warm
    start = "fresh networks: there is no champion yet"
    fresh = page(facts(model=model.model_copy(update={"start": start})), images, tmp_path).text
    assert fresh.count(start) == 1
    assert "Training began from" not in page(facts(), images, tmp_path).text


def test_a_region_is_named_in_heading_and_protocol(images: ReportImages, tmp_path: Path) -> None:
    whole = page(facts(), images, tmp_path).text
    assert "whole images" in whole
    assert "shows a region" not in whole
    candidate = evaluation("a1" * 32, 0.16)
    view = "trunk (0, 0.14) 0.72"
    protocol = candidate.protocol.model_copy(update={"region": view})
    region = candidate.model_copy(update={"protocol": protocol})
    text = page(facts(evaluation=region), images, tmp_path).text
    assert f"shows a region of the slice, {view}" in text
    assert f"Region {view}" in text


def test_phantom_data_are_labelled_as_such(images: ReportImages, tmp_path: Path) -> None:
    seen = page(facts(), images, tmp_path).text
    assert "Phantom data." in seen
    assert "Phantom, held out" in seen
    assert "no figure may be quoted" in seen
    patients = page(facts(phantom=False), images, tmp_path).text
    assert "Phantom" not in patients
    assert "Labels are per study" in patients


def test_quarantine_names_content_only_and_is_escaped(images: ReportImages, tmp_path: Path) -> None:
    seen = page(facts(), images, tmp_path).text
    assert "dededededede" in seen
    assert "de" * 7 not in seen, "twelve digits, no more"
    assert "no image <by its content>" in seen
    assert "&lt;by its content&gt;" in (tmp_path / "report.html").read_text()
    assert "records no quarantined file" in page(facts(quarantine=()), images, tmp_path).text


def test_a_failed_run_shows_where_and_what_is_missing(tmp_path: Path) -> None:
    failed = ReportFacts(
        title="kidney",
        made_at="today",
        failure=Failure(task="train", message="params.yaml: train.gamma must be >= 0, got -1"),
        tasks=(TaskFacts(name="train", outcome="failed", seconds=1.0, tries=3),),
    )
    seen = page(failed, ReportImages.of(tmp_path), tmp_path).text
    for said in (
        "Failed at “train”",
        "train.gamma must be >= 0",
        "This run produced no model",
        "Ingest recorded no counts",
        "The gate was not reached",
        "the run ended before evaluation",
        "No pairs were drawn",
        "No training curves",
        "No counts by class and split",
        "so no quarantine",
        "Not recorded",
    ):
        assert said in seen, said


@pytest.mark.parametrize(
    ("level", "groups", "kind", "said"),
    [
        (0.24, 24, "inconclusive", "Inconclusive: the champion stays"),
        (0.16, 5, "inconclusive", "5 test groups cannot tell two models apart"),
        (0.9, 24, "rejected", "Rejected: the champion stays"),
    ],
)
def test_other_verdicts(
    level: float, groups: int, kind: str, said: str, images: ReportImages, tmp_path: Path
) -> None:
    candidate = evaluation("a1" * 32, level, groups)
    verdict = decide(candidate, evaluation("b2" * 32, 0.24, groups), GateConfig())
    seen = page(facts(verdict=verdict, evaluation=candidate), images, tmp_path)
    assert said in seen.text
    assert f'class="banner {kind}"' in (tmp_path / "report.html").read_text()


def test_a_waiting_verdict_is_not_shown_as_promoted(images: ReportImages, tmp_path: Path) -> None:
    found = page(
        facts(waits_for=("the stages' code differs, and code is false",)), images, tmp_path
    )
    assert "waits for a person" in found.text
    assert "code is false" in found.text
    assert "Promoted" not in found.text
    assert 'class="banner open"' in (tmp_path / "report.html").read_text()


def test_first_model_rejected_has_no_champion_to_keep(images: ReportImages, tmp_path: Path) -> None:
    candidate = evaluation("a1" * 32, 0.9)
    verdict = decide(candidate, None, GateConfig(kernel_distance_threshold=0.5))
    seen = page(facts(verdict=verdict, evaluation=candidate), images, tmp_path).text
    assert "Rejected: there is no champion yet" in seen
    assert "absolute guards only" in seen


def test_every_measured_figure_has_texts() -> None:
    worded = {metric for chapter in CHAPTERS for metric in chapter.figures}
    measured = {
        value
        for name, value in vars(record).items()
        if name.isupper() and isinstance(value, str) and not name.endswith(("_FILE", "_FOLDER"))
    }
    in_tables = (record.FINDINGS, record.OBEDIENCE, record.DETECTION, record.CLASS_MARGINS)
    assert worded.union(*in_tables) == measured
    paired = {metric for chapter in PAIRED for metric in chapter.figures}
    tasks = [task_named(name) for name in names() if task_named(name).paired]
    assert {quality.name for task in tasks for quality in task.qualities} <= paired


def test_numbers_are_formatted() -> None:
    assert [number(v) for v in (0.0053, 0.16, 94.01, 1234.5, -0.021, 0.0)] == [
        "0.00530",
        "0.160",
        "94.0",
        "1234",
        "−0.0210",
        "0",
    ]
    assert [size(v) for v in (311, 48_213, 5_270_000)] == ["311 B", "48 kB", "5.3 MB"]
    assert [duration(v) for v in (7.24, 59.9, 612)] == ["7.2 s", "59.9 s", "10 min 12 s"]


def test_a_baseline_stands_beside_with_its_floors_and_grids(
    images: ReportImages, tmp_path: Path
) -> None:
    both = evaluation("a1" * 32, 0.16).model_copy(
        update={"baseline_family": "vae", "baseline": evaluation("c3" * 32, 0.31)}
    )
    (kernel, *_), *_ = (chapter["rows"] for chapter in chapters(both))
    assert (kernel["value"], kernel["baseline"]["value"]) == ("0.160", "0.310")
    assert (kernel["floor"], kernel["nearer"]) == ("0.00530", "value")
    grids = {label: file for label, file in images.grids.items() if label != "tumor"}
    page = render_report(
        facts(evaluation=both), replace(images, baseline_grids=grids), tmp_path / "r.html"
    ).read_text()
    assert "Beside the baseline, vae" in page
    assert '<td>Kernel distance</td><td class="n"><b>0.160</b>' in page
    assert page.count("those of vae right") == len(grids)
    assert (
        "Beside the baseline" not in render_report(facts(), images, tmp_path / "o.html").read_text()
    )


@pytest.mark.parametrize(
    ("low", "high", "nearer"), [(0.15, 0.25, ""), (None, None, "baseline"), (0.0, 0.1, "baseline")]
)
def test_what_is_nearer_to_the_floor_is_said_unless_intervals_overlap(
    low: float | None, high: float | None, nearer: str
) -> None:
    one = evaluation("a1" * 32, 0.16)
    other = one.figures[0].model_copy(update={"value": 0.05, "low": low, "high": high})
    baseline = one.model_copy(update={"figures": (other,)})
    rows = chapters(one.model_copy(update={"baseline": baseline}))[0]["rows"]
    assert rows[0]["nearer"] == nearer
    assert rows[1]["baseline"] is None
