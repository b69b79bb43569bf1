"""Write the pages that the site is built from: docs/, and what is told elsewhere.

    python scripts/docs/pages.py build/docs/pages --commands build/docs/commands.md

README, CONTRIBUTING and CHANGELOG stay where everybody looks for them; the commands are what Typer
says of the command line, the library's names what `model` hands on.
"""

import argparse
import ast
import re
import shutil
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
_OF_THE_ROOT = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
_LINK = re.compile(r"\[(?:docs/)?([\w-]+\.md)\]\(\1((?:#[\w-]+)?)\)")
"""A link that is called by its file; on a page it is called by its title."""
_HIDDEN = "medloom task"
"""A command that `medloom --help` hides, since only a scheduler runs it."""


def write_pages(to: Path, commands: Path) -> None:
    """Write every page; the folder is made anew.

    Args:
        to: the folder.
        commands: what `typer utils docs` wrote.
    """
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(ROOT / "docs", to)
    for name, page in _OF_THE_ROOT.items():
        (to / page).write_text(_as_in_docs((ROOT / name).read_text()))
    for file in to.rglob("*.md"):
        file.write_text(_titled(_as_in_docs(file.read_text())))
    (to / "decisions" / "index.md").write_text(_decisions(to / "decisions"))
    for folder in ("reference", "assets"):
        (to / folder).mkdir()
    (to / "reference" / "commands.md").write_text(_commands(commands.read_text()))
    (to / "reference" / "library.md").write_text(_library())
    for name in ("site.css", "icon.svg"):
        shutil.copy(HERE / name, to / "assets" / name)


def _as_in_docs(text: str) -> str:
    """A text whose links to files of the repository's root lead to their pages."""
    text = text.replace("](docs/decisions)", "](decisions/index.md)").replace("](docs/", "](")
    for name, page in _OF_THE_ROOT.items():
        text = re.sub(rf"\]\((?:\.\./)?{name}", f"]({page}", text)
    return text


def _titled(text: str) -> str:
    def titled(found: re.Match[str]) -> str:
        file = ROOT / "docs" / found[1]
        return f"[{_title(file)}]({found[1]}{found[2]})" if file.is_file() else found[0]

    return _LINK.sub(titled, text)


def _title(file: Path) -> str:
    return file.read_text().partition("\n")[0].removeprefix("# ")


def _decisions(folder: Path) -> str:
    files = sorted(file for file in folder.glob("*.md") if file.name != "index.md")
    return "# Decisions\n\n" + "".join(f"- [{_title(one)}]({one.name})\n" for one in files)


def _commands(told: str) -> str:
    """Typer's page as one of the site: lists say a whole sentence, and lead to the command."""
    parts = re.split(r"(?m)^(#+) `(medloom[^`\n]*)`\n", told)
    sections = list(zip(parts[1::3], parts[2::3], parts[3::3], strict=True))
    first = {name: " ".join(text.strip().split("\n\n")[0].split()) for _, name, text in sections}
    page = "# Commands\n"
    for marks, name, text in sections:
        if name.startswith(_HIDDEN):
            continue
        page += "" if len(marks) == 1 else f"{marks} `{name}`\n"
        page += re.sub(r"(?m)^\* `([\w-]+)`(: .*)?\n", partial(_listed, name, first), text)
    return page


def _listed(parent: str, first: Mapping[str, str], found: re.Match[str]) -> str:
    """A line of a list of commands, arguments or options; what is hidden is left out."""
    name = f"{parent} {found[1]}"
    if name == _HIDDEN or name not in first:
        return "" if name == _HIDDEN else found[0]
    return f"* [`{found[1]}`](#{name.replace(' ', '-')}): {first[name]}\n"


def _library() -> str:
    """Every name that `model` hands on, from the docstring where it is defined."""
    title = (
        "# Names of the library\n\n"
        "`from model import …` in a checkout, `from medloom.model import …` of an installed wheel. "
        "How they go together: [The generator as a library](../library.md).\n"
    )
    return title + "".join(
        f"\n::: model.{home}.{name}\n    options: {{heading: {name}, toc_label: {name}}}\n"
        for name, home in _names()
    )


def _names() -> Iterator[tuple[str, str]]:
    """Name and module of what `model` hands on: functions first, then classes."""
    for node in ast.parse((ROOT / "model" / "__init__.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_HOME":
            homes: dict[str, str] = ast.literal_eval(node.value)
            yield from sorted(homes.items(), key=lambda one: (one[0][0].isupper(), one[0]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("to", type=Path)
    parser.add_argument("--commands", type=Path, required=True)
    given = parser.parse_args()
    write_pages(given.to, given.commands)
