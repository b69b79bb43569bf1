"""Code by what it does: what changes a stage's description, and what does not."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.base.code import (
    FOLDER,
    behaviour_hash,
    describe_again,
    describe_code,
    folder_reader,
    require_described_code,
)
from pipeline.base.errors import BadInputError

TREE = {
    "pipeline/__init__.py": '"""The pipeline."""\n',
    "pipeline/stage.py": "from pipeline import helper\nfrom model.net import Net\nX = helper.f()\n",
    "pipeline/helper.py": "def f():\n    from pipeline.late import g\n    return g\n",
    "pipeline/late.py": "g = 1\n",
    "pipeline/other.py": "y = 2\n",
    "model/__init__.py": "",
    "model/net.py": "from .part import Part\n\nclass Net(Part):\n    pass\n",
    "model/part.py": "class Part:\n    width = 3\n",
}


def describe(changes: Mapping[str, str] | None = None) -> str:
    return describe_code(["pipeline.stage"], (TREE | dict(changes or {})).get)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1\n", "# why\nx = 1  # one\n"),
        ("def f(a):\n    return a\n", 'def f(a):\n    """Returns a."""\n    return a\n'),
        ("x: int = 1\n", 'x: int = 1\n"""What x is."""\n'),
        ("f(a, b)\n", "f(\n    a,\n    b,\n)\n"),
        ("x = 'a'\n", 'x = "a"\n'),
    ],
)
def test_what_changes_no_behaviour_changes_no_hash(before: str, after: str) -> None:
    assert behaviour_hash(before) == behaviour_hash(after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1\n", "x = 2\n"),
        ("x = 1\n", "x = 1.0\n"),
        ("x = 1\n", "x = True\n"),
        ("f(a, b)\n", "f(b, a)\n"),
        ("x = 'a'\n", "x = b'a'\n"),
        ("def f(a=1):\n    return a\n", "def f(a=2):\n    return a\n"),
        ("if a:\n    b()\nc()\n", "if a:\n    b()\n    c()\n"),
        ("a < b\n", "a <= b\n"),
    ],
)
def test_what_changes_behaviour_changes_the_hash(before: str, after: str) -> None:
    assert behaviour_hash(before) != behaviour_hash(after)


def test_a_module_of_words_alone_counts_as_nothing() -> None:
    assert behaviour_hash('"""Only this."""\n# and this\n') == ""


def test_the_hash_is_the_same_under_every_python() -> None:
    # Written out: the syntax tree's own dump differs between versions of Python.
    source = (
        "def f(x, *, y=f'{x!r:>{2}}'):\n    match x:\n        case [1, *_]:\n            return y\n"
    )
    assert behaviour_hash(source)[:16] == "c980b4c37519a7e9"


def test_modules_are_found_at_the_top_within_functions_and_relatively() -> None:
    text = describe()
    for path in ("stage", "helper", "late"):
        assert f'"pipeline/{path}.py"' in text
    assert '"model/net.py"' in text
    assert '"model/part.py"' in text
    assert "other" not in text
    assert "__init__" not in text  # neither does anything


def test_only_what_is_imported_changes_the_description() -> None:
    assert describe({"pipeline/other.py": "y = 3\n"}) == describe()
    assert describe({"pipeline/late.py": "g = 1  # still\n"}) == describe()
    assert describe({"pipeline/late.py": "g = 2\n"}) != describe()
    assert describe({"pipeline/__init__.py": "import os\n"}) != describe()


def test_what_types_alone_need_is_not_imported() -> None:
    guarded = "import typing\nif typing.TYPE_CHECKING:\n    from pipeline.other import y\n"
    assert "other" not in describe({"pipeline/late.py": guarded})


def test_a_description_names_its_roots_and_is_made_again_from_them() -> None:
    assert describe_again(describe(), TREE.get) == describe()


def test_a_root_that_is_not_there_is_named() -> None:
    with pytest.raises(BadInputError, match=r"module model\.families\.gone does not exist"):
        describe_code(["model.families.gone"], TREE.get)


def test_a_stage_whose_code_was_changed_by_hand_does_not_run(tmp_path: Path) -> None:
    for path, text in TREE.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    require_described_code("train", tmp_path)  # not a run's workspace: not checked
    (tmp_path / FOLDER).mkdir()
    described = describe_code(["pipeline.stage"], folder_reader(tmp_path))
    (tmp_path / FOLDER / "train.json").write_text(described)
    require_described_code("train", tmp_path)
    (tmp_path / "model" / "part.py").write_text("class Part:\n    width = 4\n")
    with pytest.raises(BadInputError, match=r"changed by hand: model/part\.py differ"):
        require_described_code("train", tmp_path)
