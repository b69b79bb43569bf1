"""git answers the same whatever the shell, the user's configuration and the language say."""

import os
import socket
import time
from pathlib import Path

import pytest

from pipeline.base.errors import BadInputError
from pipeline.ledger import git as git_module
from pipeline.ledger.git import Git, GitError, PushRefusedError


def test_a_missing_git_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInputError, match="git was not found on PATH: install git"):
        Git(tmp_path).run("init")


def test_a_missing_folder_is_not_taken_for_a_missing_git(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="gone"):
        Git(tmp_path / "gone").run("init")


def test_a_lost_race_is_recognised_in_any_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LANG", "LC_ALL", "LC_MESSAGES", "LANGUAGE"):
        monkeypatch.setenv(name, "de_DE.UTF-8")
    assert Git(tmp_path).run("var", "GIT_AUTHOR_IDENT").startswith("medloom <medloom@localhost>")
    (tmp_path / "a").mkdir()
    bare, git = tmp_path / "b.git", Git(tmp_path / "a")
    git.run("init", "--quiet", "--bare", str(bare))
    git.run("init", "--quiet")
    first, second = (
        git.run("commit-tree", git.run("write-tree"), "-m", f"the {word} of Käthe")
        for word in ("first", "second")
    )
    git.push(str(bare), first, "journal")
    with pytest.raises(PushRefusedError, match="moved meanwhile"):
        git.push(str(bare), second, "journal")
    assert git.run("log", "-1", "--format=%s", first) == "the first of Käthe"


def test_a_users_configuration_and_hooks_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = somebody\n[core]\n\tbare = nonsense\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'user.name=somebody'")
    git = Git(tmp_path)
    git.run("init", "--quiet")
    assert "somebody" not in git.run("config", "--list")


def test_a_server_that_never_answers_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(git_module._IDENTITY, "GIT_HTTP_LOW_SPEED_TIME", "2")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/ledger.git"
        started = time.monotonic()
        with pytest.raises(GitError, match="ls-remote"):
            Git(tmp_path).run("ls-remote", url)
    assert time.monotonic() - started < 30
