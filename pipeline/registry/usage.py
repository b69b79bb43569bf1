"""The code with which a consumer loads a version and uses it, as Markdown."""

from collections.abc import Callable, Sequence

from pipeline.registry.output_spec import OutputSpec


def usage(output: OutputSpec, uri: str) -> str:
    """How to load and use a version.

    Args:
        output: what it makes.
        uri: MLflow's, of the version or of an alias.
    """
    name, say = _USES[output.task]
    code, about = say(output)
    return (
        "## Use it\n\n"
        "It needs mlflow and torch, and nothing of medloom. Set `MLFLOW_TRACKING_URI` to the "
        "address of this server.\n\n"
        "```python\n"
        "import mlflow\n\n"
        f'{name} = mlflow.pyfunc.load_model("{uri}")\n'
        f"{code}"
        "```\n\n"
        f"{about}"
    )


def _drawing(output: OutputSpec) -> tuple[str, str]:
    """Lines of code, and what is to be known about them."""
    classes, size, kinds, made = output.classes, output.image_size, output.kinds, output.made
    code = f'images = generator.predict(["{classes[0]}"] * 16, params={{"seed": 7}})\n'
    about = (
        f"`images` is uint8 [16, {size}, {size}]. The same seed gives the same images; `start` "
        "continues an earlier request."
    )
    if kinds:
        code += _code_of_findings(classes, kinds)
        about += (
            " `masks` says pixel by pixel where the findings of `with_findings` are: 0 none, 1 for "
            "the first kind, and so on. `size_low` and `size_high` ask for diameters in pixels."
        )
    if made:
        asked = '{"seed": 7, "output": "masks"}'
        code += f'masks = generator.predict(["{classes[0]}"] * 16, params={asked})\n'
        about += (
            " `masks` says pixel by pixel where the generator meant to draw findings in `images`: "
            "0 none, 1 for the first kind, and so on."
        )
    return code, about


def _code_of_findings(classes: Sequence[str], kinds: Sequence[str]) -> str:
    """How to ask for findings, and for their masks."""
    kind = next((kind for kind in kinds if kind in classes), kinds[0])
    labels = f'["{kind if kind in classes else classes[0]}"] * 8'
    return (
        f'asked = {{"seed": 7, "findings": 2, "kind": "{kind}"}}\n'
        f"with_findings = generator.predict({labels}, params=asked)\n"
        f'masks = generator.predict({labels}, params={{**asked, "output": "masks"}})\n'
    )


def _enlarging(output: OutputSpec) -> tuple[str, str]:
    """As `_drawing`."""
    small, size = output.given_size, output.image_size
    code = (
        "large = enlarger.predict(small)\n"
        'of_generated = enlarger.predict(generated, params={"noise": 2.0})\n'
    )
    return code, (
        f"`small` and `generated` are uint8 [N, {small}, {small}], `large` is uint8 "
        f"[N, {size}, {size}]. `noise` is how many grey levels the given pixels may be wrong by."
    )


def _fusing(output: OutputSpec) -> tuple[str, str]:
    """As `_drawing`."""
    size, order = output.image_size, output.modalities
    which = (
        f"{order[0]} first, then {order[1]}"
        if order
        else ("in the order of the training (`preprocess.modalities` of its run)")
    )
    return "fused = fuser.predict(pairs)\n", (
        f"`pairs` is uint8 [N, 2, {size}, {size}]: two registered images of one place, "
        f"{which}; `fused` is uint8 [N, {size}, {size}]. Pairs that are not "
        "registered are refused; the param `check` set to false leaves that out."
    )


_USES: dict[str, tuple[str, Callable[[OutputSpec], tuple[str, str]]]] = {
    "draw": ("generator", _drawing),
    "enlarge": ("enlarger", _enlarging),
    "fuse": ("fuser", _fusing),
}
"""What a version of a task is called in code, and how it is used."""
