"""What a version carries."""

import hashlib
import json
import shutil
from pathlib import Path


def make_bundle(workspace: Path, folder: Path, sha256: str) -> Path:
    """Lay out what a version carries: weights beside their config, and the code that reads them.

    The code is the workspace's, that is, exactly what trained the weights.
    """
    generator, code = folder / "generator", folder / "medloom_model"
    generator.mkdir(parents=True)
    for name in ("generator.safetensors", "config.json"):
        shutil.copyfile(workspace / "models" / name, generator / name)
    shutil.copytree(workspace / "model", code, ignore=shutil.ignore_patterns("__pycache__"))
    digest = hashlib.sha256()
    for file in sorted(code.rglob("*.py")):
        digest.update(str(file.relative_to(code)).encode() + b"\0" + file.read_bytes())
    facts = {"weights_sha256": sha256, "code_sha256": digest.hexdigest()}
    (folder / "bundle.json").write_text(json.dumps(facts, indent=2) + "\n")
    return folder
