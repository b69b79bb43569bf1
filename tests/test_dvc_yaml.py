"""dvc.yaml, and that the code which a stage is keyed by is the code which it runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline.base.code import behaviour_hash, describe_code, folder_reader
from pipeline.base.project import DEFAULT_PARAMS, PROJECT_ROOT
from pipeline.ledger.ledger import STAGES
from pipeline.stages.snapshot import stage_roots

DVC = yaml.safe_load((PROJECT_ROOT / "dvc.yaml").read_text())["stages"]
PARAMS = yaml.safe_load(DEFAULT_PARAMS.read_text())

PRINT_MODULES = """
import sys, importlib
for name in sys.argv[1:]:
    importlib.import_module(name)
print("\\n".join(m.__file__ for n, m in sorted(sys.modules.items())
                 if n.split(".")[0] in ("pipeline", "model") and getattr(m, "__file__", None)))
"""


def described(stage: str, *, phantom: bool = False, family: str = "rpgan") -> dict[str, str]:
    params = PARAMS | {"train": PARAMS["train"] | {"family": family}}
    roots = stage_roots(stage, params, phantom=phantom)
    found: dict[str, str] = json.loads(describe_code(roots, folder_reader(PROJECT_ROOT)))["modules"]
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_reads_its_own_section_and_is_keyed_by_its_own_code(stage: str) -> None:
    # New phantoms are looked at as the images were; a baseline is trained as long as the generator.
    more = {"evaluate": ["preprocess", "train"]}.get(stage, [])
    assert DVC[stage]["params"] == [stage, *more]
    assert DVC[stage]["cmd"] == f"python -m pipeline.stages.{stage}"
    assert f"code/{stage}.json" in DVC[stage]["deps"]


@pytest.mark.parametrize("stage", STAGES)
def test_every_module_that_a_stage_loads_is_described(stage: str) -> None:
    roots = stage_roots(stage, PARAMS, phantom=True)
    printed = subprocess.run(
        [sys.executable, "-c", PRINT_MODULES, *roots],
        cwd=PROJECT_ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    loaded = {str(Path(line).relative_to(PROJECT_ROOT)) for line in printed.splitlines()}
    empty = {path for path in loaded if not behaviour_hash((PROJECT_ROOT / path).read_text())}
    assert loaded - empty <= set(described(stage, phantom=True))


def test_an_unused_family_and_phantoms_are_no_part_of_a_hospitals_key() -> None:
    modules = described("evaluate") | described("train") | described("preprocess")
    assert "model/families/rpgan/learner.py" in modules
    assert not [m for m in modules if "families/vae" in m or "families/dcgan" in m]
    assert not [
        m for m in modules if m.startswith(("pipeline/phantoms", "pipeline/evaluation/findings"))
    ]
    assert not [m for m in modules if m.startswith(("pipeline/ledger", "pipeline/registry"))]
    assert "pipeline/phantoms/recovery.py" in described("evaluate", phantom=True)
    assert "model/families/vae/learner.py" in described("train", family="vae")
