"""The project's own files, of which a snapshot is made, and the commit they are of."""

from importlib.metadata import version
from pathlib import Path

from pipeline.base.project import is_installed
from pipeline.ledger.git import Git, GitError


def files_of(root: Path, names: list[str]) -> list[str]:
    """The snapshot's files, without Python's caches."""
    found = []
    for name in names:
        path = root / name
        files = [path] if path.is_file() else [f for f in path.rglob("*") if f.is_file()]
        found += [f for f in files if "__pycache__" not in f.parts and f.suffix != ".pyc"]
    return sorted(str(file.relative_to(root)) for file in found)


def upstream_of(root: Path, names: list[str]) -> str:
    """The upstream commit or the installed version, for the commit message."""
    if is_installed(root):  # perhaps inside an unrelated repository
        return f"upstream none\ninstalled {version('medloom')}"
    try:
        commit = Git(root).run("rev-parse", "--verify", "HEAD")
        dirty = Git(root).run("status", "--porcelain", "--", *names)
    except GitError:
        return "upstream none"
    return f"upstream {commit}\ndirty {'yes' if dirty else 'no'}"
