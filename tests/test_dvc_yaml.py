"""dvc.yaml names every file of ours that a stage's code is made of."""

import ast
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
FAMILIES = ROOT / "model" / "families"
PACKAGES = ("pipeline", "model")
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


def module_files(name: str) -> list[Path]:
    """The files that `import name` executes: the packages' __init__ and the module itself."""
    parts = name.split(".")
    files = [ROOT.joinpath(*parts[:i], "__init__.py") for i in range(1, len(parts) + 1)]
    return [f for f in [*files, ROOT.joinpath(*parts).with_suffix(".py")] if f.is_file()]


def imports_of(file: Path) -> set[str]:
    package = list(file.relative_to(ROOT).parent.parts)
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] in PACKAGES}


def sources_of(module: str) -> set[str]:
    """Every first-party file that running `module` may import, directly or not."""
    seen: set[Path] = set()
    waiting = module_files(module)
    while waiting:
        file = waiting.pop()
        if file not in seen:
            seen.add(file)
            waiting += [f for name in sorted(imports_of(file)) for f in module_files(name)]
            if file == FAMILIES / "__init__.py":  # which finds them by their folders
                waiting += sorted(FAMILIES.rglob("*.py"))
    # An empty __init__ has no behaviour to depend on.
    return {str(f.relative_to(ROOT)) for f in seen if f.read_text().strip()}


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_a_stage_depends_on_every_file_it_imports(stage: str) -> None:
    listed = {dep for dep in STAGES[stage]["deps"] if dep.endswith(".py")}
    assert listed == sources_of(f"pipeline.stages.{stage}")


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_a_stage_reads_its_own_section(stage: str) -> None:
    # A baseline is trained for as long as the generator was.
    more = {"evaluate": ["train"]}.get(stage, [])
    assert STAGES[stage]["params"] == [stage, *more]
    assert STAGES[stage]["cmd"] == f"python -m pipeline.stages.{stage}"
