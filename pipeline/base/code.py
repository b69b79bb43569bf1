"""A description of a stage's code: the modules it imports, each with a hash of its behaviour.

The run key includes this description. Comments, docstrings and formatting are not hashed, and
modules that the stage does not import are not listed, so changing those does not change the key.
The description is written to `code/<stage>.json` when a run's code is recorded, and checked when
the stage starts.
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
"""The text of a file, given its path from the project root; None if it does not exist."""


def describe_code(roots: Iterable[str], read: Read) -> str:
    """The text of `code/<stage>.json`.

    Args:
        roots: the stage's module, and those it imports by name at run time, such as the family in
            use. Statically imported modules are found from these.
        read: reads files of the project.

    Raises:
        BadInputError: a root does not exist, or a module is not valid Python.
    """
    names = sorted(roots)
    facts = {"format": FORMAT, "roots": names, "modules": _modules(names, read)}
    return json.dumps(facts, indent=1, sort_keys=True) + "\n"


def describe_again(text: str, read: Read) -> str:
    """Describe the current code of the roots of an earlier description.

    Descriptions are kept with runs forever. A change to their content needs a new `FORMAT`, and
    this function must keep producing the earlier formats.
    """
    return describe_code(json.loads(text)["roots"], read)


def require_described_code(stage: str, root: Path = Path()) -> None:
    """Check that a stage's code is the code that the run key was computed from.

    A workspace without `code/` belongs to no run and is not checked.

    Raises:
        BadInputError: modules differ; the message names them.
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
    """A reader of the files in a folder."""

    def read(path: str) -> str | None:
        file = root / path
        return file.read_text() if file.is_file() else None

    return read


def behaviour_hash(source: str) -> str:
    """The sha256 of a source's syntax tree without docstrings; "" if the tree is empty.

    `ast.dump` is not used, because its output differs between versions of Python.
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [each for each in node.body if not _is_text(each)]
    if not tree.body:
        return ""
    return hashlib.sha256(json.dumps(_plain(tree)).encode()).hexdigest()


def _modules(roots: Iterable[str], read: Read) -> dict[str, str]:
    """Module file -> hash, for the roots and all modules that they import, directly or not."""
    seen: dict[str, str] = {}
    waiting = list(roots)
    for name in waiting:
        if not _files(name, read):
            raise BadInputError(f"module {name} does not exist; is the project's code complete?")
    while waiting:
        for path, source in _files(waiting.pop(), read):
            if path in seen:
                continue
            try:
                seen[path] = behaviour_hash(source)
                waiting += _imports(path, source)
            except SyntaxError as error:
                raise BadInputError(f"{path} is not valid Python: {error}") from error
    return {path: digest for path, digest in sorted(seen.items()) if digest}


def _files(name: str, read: Read) -> list[tuple[str, str]]:
    """The files that `import name` executes, with their texts: packages' __init__ and the module.

    Empty if `name` is not a module, but a name within one.
    """
    parts = name.split(".")
    own = [f"{'/'.join(parts)}.py", f"{'/'.join(parts)}/__init__.py"]
    module = [(path, text) for path in own if (text := read(path)) is not None]
    if not module:
        return []
    above = [f"{'/'.join(parts[:i])}/__init__.py" for i in range(1, len(parts))]
    return [(path, text) for path in above if (text := read(path)) is not None] + module


def _imports(path: str, source: str) -> list[str]:
    """Names that a module imports from `PACKAGES`, at module level or inside functions."""
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
    """Whether a statement is a bare string, such as a docstring."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _plain(node: Any) -> Any:
    """A syntax tree as JSON, without empty fields: Python versions add fields that are empty."""
    if isinstance(node, list):
        return [_plain(each) for each in node]
    if not isinstance(node, ast.AST):
        return f"{type(node).__name__} {node!r}"
    if isinstance(node, ast.JoinedStr):  # 3.12 adds empty strings between its parts
        node.values = [each for each in node.values if not _is_empty(each)]
    fields = {
        name: _plain(value)
        for name, value in ast.iter_fields(node)
        if name not in ("ctx", "kind", "type_comment") and value not in (None, [])
    }
    return [type(node).__name__, fields]


def _is_empty(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == ""
