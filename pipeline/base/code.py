"""What a stage's code does, as a list of its modules with a hash of each.

A run's key holds this list, so that what changes no behaviour changes no key: comments, docstrings
and formatting are not hashed, and a module that the stage does not import is not listed. The list
is made when a run's code is recorded, lies in the run's workspace as `code/<stage>.json`, and is
made again there when the stage starts.
"""

import ast
import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline.base.errors import BadInputError

FOLDER = "code"
FORMAT = 1
PACKAGES = ("pipeline", "model")

Read = Callable[[str], str | None]
"""The text of a file by its path from the project's root; None when there is none."""


def describe_code(roots: Iterable[str], read: Read) -> str:
    """The text of `code/<stage>.json`.

    Args:
        roots: modules that the stage starts from: itself, and those it imports by name at run
            time, such as the family in use. Statically imported modules are found by themselves.
        read: of the project's tree.

    Raises:
        BadInputError: a root is not there, or a module is no Python.
    """
    names = sorted(roots)
    facts = {"format": FORMAT, "roots": names, "modules": _modules(names, read)}
    return json.dumps(facts, indent=1, sort_keys=True) + "\n"


def describe_again(text: str, read: Read) -> str:
    """What `describe_code` says now of the roots that an earlier description has.

    Descriptions are kept with runs for good. Whoever changes how they are made gives `FORMAT`
    another number and keeps the way of making the earlier ones here.
    """
    return describe_code(json.loads(text)["roots"], read)


def require_described_code(stage: str, root: Path = Path()) -> None:
    """Refuse to run a stage whose code is not what the run's key says.

    A workspace without `code/` is nobody's run, and anything goes.

    Raises:
        BadInputError: naming the modules that differ.
    """
    file = root / FOLDER / f"{stage}.json"
    if not file.exists():
        return
    text = file.read_text()
    if (now := describe_again(text, folder_reader(root))) != text:
        before, after = (json.loads(one)["modules"] for one in (text, now))
        changed = sorted(n for n in {*before, *after} if before.get(n) != after.get(n))
        raise BadInputError(
            f"the code of this run was changed by hand: {', '.join(changed)} differ from {file}; "
            "restore them with `git checkout`, or plan a new run with `medloom run`"
        )


def folder_reader(root: Path) -> Read:
    """Reads below a folder."""

    def read(path: str) -> str | None:
        file = root / path
        return file.read_text() if file.is_file() else None

    return read


def behaviour_hash(source: str) -> str:
    """A sha256 over what Python makes of a source: "" when that is nothing at all.

    The syntax tree is written out here rather than by `ast.dump`, whose output differs between
    versions of Python.
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [one for one in node.body if not _is_text(one)]
    if not tree.body:
        return ""
    return hashlib.sha256(json.dumps(_plain(tree)).encode()).hexdigest()


def _modules(roots: Iterable[str], read: Read) -> dict[str, str]:
    """Module file -> hash, of every module that importing the roots may import."""
    seen: dict[str, str] = {}
    waiting = list(roots)
    for name in waiting:
        if not _files(name, read):
            raise BadInputError(f"there is no module {name}; is the project's tree complete?")
    while waiting:
        for path, source in _files(waiting.pop(), read):
            if path in seen:
                continue
            try:
                seen[path] = behaviour_hash(source)
                waiting += _imports(path, source)
            except SyntaxError as error:
                raise BadInputError(f"{path} is no Python: {error}") from error
    return {path: digest for path, digest in sorted(seen.items()) if digest}


def _files(name: str, read: Read) -> list[tuple[str, str]]:
    """The files that `import name` executes, with their texts: packages' __init__ and the module.

    Empty when `name` is no module, but a name within one.
    """
    parts = name.split(".")
    own = [f"{'/'.join(parts)}.py", f"{'/'.join(parts)}/__init__.py"]
    module = [(path, text) for path in own if (text := read(path)) is not None]
    if not module:
        return []
    above = [f"{'/'.join(parts[:i])}/__init__.py" for i in range(1, len(parts))]
    return [(path, text) for path in above if (text := read(path)) is not None] + module


def _imports(path: str, source: str) -> list[str]:
    """Names that a module imports from our packages, at its top or within its functions."""
    package = PurePosixPath(path).parent.parts
    found: list[str] = []
    waiting: list[ast.AST] = [ast.parse(source)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            found += [module, *(f"{module}.{alias.name}" for alias in node.names)]
        waiting += ast.iter_child_nodes(node)
    return [name for name in found if name.split(".")[0] in PACKAGES]


def _is_text(node: ast.stmt) -> bool:
    """A string that stands alone, as docstrings of modules, functions and attributes do."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _plain(node: Any) -> Any:
    """A syntax tree as JSON: no empty fields, so that a field which Python adds is no change."""
    if isinstance(node, list):
        return [_plain(one) for one in node]
    if not isinstance(node, ast.AST):
        return f"{type(node).__name__} {node!r}"
    if isinstance(node, ast.JoinedStr):  # 3.12 puts an empty text behind some of its parts
        node.values = [one for one in node.values if not _is_empty(one)]
    fields = {
        name: _plain(value)
        for name, value in ast.iter_fields(node)
        if name not in ("ctx", "kind", "type_comment") and value not in (None, [])
    }
    return [type(node).__name__, fields]


def _is_empty(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == ""
