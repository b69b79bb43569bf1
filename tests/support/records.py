"""Journal records as somebody writes them who knows the format: another version, or a forger.

The format is spelled out here once more, so that a change of the code cannot change both.
"""

import json
from collections.abc import Sequence
from typing import Any

from pipeline.ledger.git import Git
from pipeline.ledger.journal import BRANCH, FOLDER, Record, file_of
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.signing import Signer


def changed(written: bytes, signer: Signer | None = None, **changes: Any) -> bytes:
    """A record's file with other content, signed anew if there is a signer."""
    content = {**json.loads(written), **changes}
    if signer:
        content["key_id"] = signer.key_id
        unsigned = {name: content[name] for name in content if name != "signature"}
        text = json.dumps(unsigned, sort_keys=True, separators=(",", ":"))
        content["signature"] = signer.sign(text.encode())
    return json.dumps(content, sort_keys=True).encode() + b"\n"


def chained(contents: Sequence[bytes], signer: Signer | None = None) -> list[bytes]:
    """The records with their numbers, each naming the one before."""
    files: list[bytes] = []
    for number, content in enumerate(contents, 1):
        previous = Record.read(files[-1]).sha256 if files else "0" * 64
        files.append(changed(content, signer, sequence=number, previous=previous))
    return files


def named(files: Sequence[bytes]) -> dict[str, bytes]:
    """By their names in the journal's folder."""
    return {f"{number:06d}.json": content for number, content in enumerate(files, 1)}


def put_journal(ledger: Ledger, files: Sequence[bytes]) -> None:
    """Make the ledger's journal of just these files, by force."""
    texts = {file_of(number): content.decode() for number, content in enumerate(files, 1)}
    git = Git(ledger.mirror.folder)
    git.run("push", "--quiet", ledger.url, f":refs/heads/{BRANCH}")
    ledger.commit_files(BRANCH, None, texts, f"{FOLDER} made by hand")
