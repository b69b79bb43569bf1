"""Check a built site: every link leads somewhere, and no page asks another host for anything.

python scripts/docs/check.py site
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src"}
_NOT_FETCHED = {"canonical", "alternate", "license", "next", "prev"}
"""Relations of <link> that a browser does not ask for."""
_CSS_ADDRESS = re.compile(r"(?:url\(|@import\s+)[\"']?((?:https?:)?//[^\"')\s]+)")


@dataclass
class Page(HTMLParser):
    """What a page names: the ids in it, the links on it, and what a browser loads with it."""

    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    @classmethod
    def read(cls, file: Path) -> "Page":
        """Parse a file."""
        page = cls()
        page.feed(file.read_text(encoding="utf-8"))
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of an element."""
        given = {name: value or "" for name, value in attrs}
        self.ids.update(given[name] for name in ("id", "name") if given.get(name))
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "link" and not _NOT_FETCHED & {*given.get("rel", "").split()}:
            self.loads.append(given.get("href", ""))
        if (name := _FETCHED.get(tag)) and name in given:
            self.loads.append(given[name])


def problems(site: Path) -> Iterator[str]:
    """What is wrong with the site, a sentence each.

    Args:
        site: the folder that it was built into.
    """
    site = site.resolve()
    pages = {file: Page.read(file) for file in sorted(site.rglob("*.html"))}
    for file, page in pages.items():
        name = file.relative_to(site)
        for address in page.loads:
            if _is_elsewhere(address):
                yield f"{name} loads {address}, of another host"
            elif not _target(site, file, address).is_file():
                yield f"{name} loads {address}, which is missing"
        for address in page.links:
            if (
                address
                and not _is_elsewhere(address)
                and (wrong := _broken(site, file, address, pages))
            ):
                yield f"{name} links to {address}: {wrong}"
    for file in sorted(site.rglob("*.css")):
        for address in _CSS_ADDRESS.findall(file.read_text(encoding="utf-8")):
            yield f"{file.relative_to(site)} loads {address}, of another host"


def _is_elsewhere(address: str) -> bool:
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme in ("http", "https", "mailto")


def _target(site: Path, file: Path, address: str) -> Path:
    path = unquote(urlsplit(address).path)
    if path.startswith("/"):  # of a page that is shown for any missing one
        return (site / path.lstrip("/")).resolve()
    return (file.parent / path).resolve() if path else file


def _broken(site: Path, file: Path, address: str, pages: dict[Path, Page]) -> str:
    target, part = _target(site, file, address), unquote(urlsplit(address).fragment)
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return "no such file"
    if part and target in pages and part not in pages[target].ids:
        return "no such heading"
    return ""


def main(site: Path) -> int:
    """Print what is wrong; the exit code."""
    found = list(problems(site))
    print("\n".join(found) or f"{site}: no link is broken, and no page asks another host")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
