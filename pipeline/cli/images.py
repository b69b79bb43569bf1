"""What versions draw, and how well: `medloom generate`, `medloom evaluate`, `medloom compare`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pipeline.base.errors import BadInputError
from pipeline.base.terminal import Terminal
from pipeline.cli.project import chosen_project, existing_project, project_named

if TYPE_CHECKING:
    from pipeline.registry.image_files import Drawn

console = Terminal()

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
Version = Annotated[str, typer.Option(help="Version number or alias.")]
Truncation = Annotated[
    float, typer.Option(min=0, max=2, help="Under 1: more typical, less varied images.")
]
Form = Annotated[
    Literal["png", "dicom", "zip"],
    typer.Option(
        "--format", help="PNG files, DICOM Secondary Capture, or one archive of PNG files."
    ),
]
Watermark = Annotated[
    bool,
    typer.Option(
        help="Mark the pixels, invisibly, if the project has keys (`medloom marks init`). Off "
        "for images that a network is to learn from."
    ),
]
Withheld = Annotated[
    bool,
    typer.Option(
        "--withheld",
        help="Draw also from a version that was found to copy a training image; for auditors. "
        "Such images may show a patient.",
    ),
]


def generate(
    label: Annotated[
        str,
        typer.Option(
            help="Class of the images, as `medloom data show` lists them; or a mixture of two, "
            "such as 3*A+B of the classes A and B."
        ),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the files.")],
    count: Annotated[
        int | None,
        typer.Option(
            "-n", min=1, max=100_000, help="How many. Default: 16, or one for each --layout."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same images.")] = 0,
    version: Version = "champion",
    truncation: Truncation = 1.0,
    interpolate: Annotated[
        int, typer.Option(min=0, help="Write one strip: so many steps from each image to the next.")
    ] = 0,
    findings: Annotated[
        int | None,
        typer.Option(min=0, help="Findings in each image. Default: as in the training images."),
    ] = None,
    kind: Annotated[
        str, typer.Option(help="Their kind. Default: the one that the class is about.")
    ] = "",
    size: Annotated[
        str,
        typer.Option(
            help="Their diameter, such as 4px, 3-6px or 2.5-4mm. Default: as in the training "
            "images."
        ),
    ] = "",
    layout: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            help="Instead: where they are. A label map (PNG: 0 where nothing is, k for the k-th "
            "kind) for all images, or a folder with one for each.",
        ),
    ] = None,
    masks: Annotated[
        bool,
        typer.Option("--masks", help="Write a label map beside each image, and one COCO file."),
    ] = False,
    form: Form = "png",
    watermark: Watermark = True,
    withheld: Withheld = False,
    enlarge: Annotated[
        int | None,
        typer.Option(min=2, max=4, help="Make the images 2 or 4 times larger, by --enlarger."),
    ] = None,
    enlarger: Annotated[
        str,
        typer.Option(
            help="Project of an enlarger, such as kidney-larger, or kidney-larger:3 for its "
            "version 3. Default version: its champion."
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    """Draw synthetic images from the champion, or from another version; no service need be up.

    A version that was trained on annotated images can be asked for findings. Each file says in
    itself that it is synthetic and which version and seed it came from; beside each PNG a JSON
    file says the same. medloom refuses such files as training input, masks included.
    """
    from pipeline.data.region import in_words
    from pipeline.registry.asked import Asked, Size
    from pipeline.registry.image_files import Enlarge, generate_images

    project = existing_project()
    if bool(enlarge) != bool(enlarger):
        raise BadInputError(
            "--enlarge says how many times larger, and --enlarger the project that does it; give "
            "both, such as --enlarge 4 --enlarger kidney-larger"
        )
    larger = None
    if enlarge:
        name, _, which = enlarger.partition(":")
        larger = Enlarge(project_named(name), which or "champion", enlarge)
    with console.status("loading the generator"):
        drawn = generate_images(
            project,
            version,
            label,
            count,
            seed,
            out,
            truncation=truncation,
            frames=interpolate,
            asked=Asked(findings, kind, Size.parse(size) if size else None),
            layout=layout,
            masks=masks,
            form=form,
            watermark=watermark,
            withheld=withheld,
            enlarge=larger,
        )
    if as_json:
        facts = {**drawn._asdict(), "synthetic": True, "files": [str(f) for f in drawn.files]}
        facts["masks"] = [str(file) for file in drawn.masks]
        facts["coco"] = str(drawn.coco) if drawn.coco else None
        console.print_json(data=facts)
    else:
        what = f"a walk through {drawn.images}" if interpolate else f"{drawn.images}"
        shows = f", showing {in_words(drawn.region)}" if drawn.region else ""
        bears = f" ({', '.join(drawn.aliases)})" if drawn.aliases else ""
        console.print(
            f"{what} synthetic {label} images of version {drawn.version}{bears} in {out}"
            f"{shows}{_showing(drawn)}; each file says that it is synthetic"
            f"{marked_by(drawn)}{_enlarged(drawn)}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def _enlarged(drawn: "Drawn") -> str:
    return f"; enlarged by {drawn.enlarged_by}" if drawn.enlarged_by else ""


def marked_by(drawn: "Drawn") -> str:
    """By which means beside text, as the end of a sentence."""
    means = [
        word
        for word, used in (("is signed", drawn.signed), ("is watermarked", drawn.watermarked))
        if used
    ]
    if means:
        return f", and {' and '.join(means)}"
    return "; it is neither signed nor watermarked (docs/marks.md)"


def _showing(drawn: "Drawn") -> str:
    """The findings that images were asked to show, or that their masks show, within a sentence."""
    if drawn.findings is None:
        return ""
    listed = " and ".join(f"{count} x {kind}" for kind, count in drawn.findings.items())
    return f", {'with masks of' if drawn.made else 'asked to show'} {listed or 'no findings'}"


Judging = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Folder of class folders; its test part, split by patients as ingest does, judges. "
        "Default: the images that judged the version's own run.",
    ),
]


def evaluate(
    version: Annotated[str | None, typer.Option(help="Version number or alias.")] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Instead: folder of generator.safetensors and config.json.")
    ] = None,
    data: Judging = None,
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder for evaluation.json and the pictures.")
    ] = Path("evaluation"),
    as_json: Json = False,
) -> None:
    """Score a generator on held-out images, outside any run; nothing is decided by it.

    It is scored as params.yaml's `evaluate` says. Figures compare only within one protocol: to
    set two versions side by side, use `medloom compare`.
    """
    from pipeline.cli.tables import bars_of_steps, evaluation_table
    from pipeline.evaluation.record import EvaluateConfig
    from pipeline.ledger.project_params import ProjectParams
    from pipeline.promotion.by_hand import evaluate_folder, evaluate_version

    if (version is None) == (weights is None):
        raise BadInputError("give either --version or --weights, such as --version champion")
    with bars_of_steps(Terminal(stderr=True)) as tell:
        if version is not None:
            number, found = evaluate_version(existing_project(), version, data, out, tell)
            title = f"version {number}"
        else:
            if data is None:
                raise BadInputError("--weights needs --data, a folder of class folders of images")
            project, title = chosen_project(), str(weights)
            config = ProjectParams.of(project).section("evaluate", EvaluateConfig)
            cache = project.cache / "features"
            found = evaluate_folder(Path(weights or ""), data, out, config, cache, tell)
    if as_json:
        console.print_json(data=found.model_dump(mode="json"))
    else:
        console.print(evaluation_table(found, title))
        console.print(f"evaluation.json and pictures in {out}", highlight=False)


def compare(
    first: Annotated[str, typer.Argument(help="Version number or alias.")],
    second: Annotated[str, typer.Argument(help="Another one.")],
    data: Judging = None,
    as_json: Json = False,
) -> None:
    """Score two versions by the same images and seeds, and test the difference group by group.

    Nothing is promoted and no look at the test split is booked, but whoever compares often and
    keeps what looks best wears the test split all the same. An older version may have learned
    from images that are test images today; --data with patients that neither knows is fair.
    """
    from pipeline.cli.tables import bars_of_steps, compared_table
    from pipeline.promotion.by_hand import compare_versions

    with bars_of_steps(Terminal(stderr=True)) as tell:
        found = compare_versions(existing_project(), first, second, data, tell)
    if as_json:
        parts = found._asdict().items()
        console.print_json(data={name: part.model_dump(mode="json") for name, part in parts})
    else:
        console.print(compared_table(found, first, second))
