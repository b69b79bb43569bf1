"""The ledger: branches, keys, snapshots, workspaces, and the compare-and-swap of every push."""

from importlib.metadata import version
from pathlib import Path

import pytest

from pipeline.base.errors import TransientError
from pipeline.base.project import Project
from pipeline.ledger.git import Git, GitError, PushRefusedError
from pipeline.ledger.ledger import CODE, DATA, Ledger

DVC_YAML = """\
stages:
  train:
    cmd: python -m pipeline.stages.train
    deps: [data/raw, pipeline/a.py]
    params: [train]
    outs: [models]
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A project's folder as a tarball would unpack it: no git in it."""
    folder = tmp_path / "project"
    files = {
        "dvc.yaml": DVC_YAML,
        "params.yaml": "train: {kimg: 1.0}\ngate: {margin: 0.1}\n",
        "pipeline/a.py": "A = 1\n",
        "pipeline/b.py": "B = 1\n",
        "README.md": "hello\n",
        ".dvc/config": "",
        "my-images/secret.png": "pixels",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def ledger(project: Project) -> Ledger:
    return Ledger(project)


def add_data(ledger: Ledger, text: str = "row\n") -> str:
    files = {"data/manifest/b1.csv": text}
    return ledger.commit_files(DATA, ledger.head(DATA), files, "data")


def test_a_snapshot_holds_the_project_and_nothing_else(ledger: Ledger, checkout: Path) -> None:
    (checkout / "pipeline" / "__pycache__").mkdir()
    (checkout / "pipeline" / "__pycache__" / "a.pyc").write_bytes(b"x")
    commit = ledger.snapshot_code(checkout)
    names = ledger.mirror.run("ls-tree", "-r", "--name-only", commit).split("\n")
    assert "pipeline/a.py" in names
    assert not [name for name in names if "secret" in name or "pyc" in name]
    assert ledger.snapshot_code(checkout) == commit


def test_a_snapshot_of_a_dirty_checkout_leaves_it_alone(ledger: Ledger, checkout: Path) -> None:
    git = Git(checkout)
    git.run("init", "--quiet")
    git.run("add", "dvc.yaml")
    git.run("commit", "--quiet", "--message", "one")
    (checkout / "dvc.yaml").write_text(DVC_YAML + "# edited\n")
    before = git.run("status", "--porcelain=v2")
    commit = ledger.snapshot_code(checkout)
    assert git.run("status", "--porcelain=v2") == before
    message = ledger.mirror.run("log", "-1", "--format=%b", commit)
    assert f"upstream {git.run('rev-parse', 'HEAD')}" in message
    assert "dirty yes" in message


def test_a_snapshot_of_an_installed_package_says_its_version(
    ledger: Ledger, checkout: Path
) -> None:
    git = Git(checkout.parent)  # a repository that a virtual environment happens to lie in
    git.run("init", "--quiet")
    git.run("commit", "--quiet", "--allow-empty", "--message", "somebody else's")
    (checkout / "__init__.py").touch()
    message = ledger.mirror.run("log", "-1", "--format=%b", ledger.snapshot_code(checkout))
    assert message.splitlines()[:2] == ["upstream none", f"installed {version('medloom')}"]


@pytest.mark.parametrize(
    ("file", "text", "new_key"),
    [
        ("pipeline/a.py", "A = 2\n", True),
        ("pipeline/b.py", "B = 2\n", False),
        ("README.md", "other\n", False),
        ("params.yaml", "train: {kimg: 2.0}\ngate: {margin: 0.1}\n", True),
        ("params.yaml", "train: {kimg: 1.0}\ngate: {margin: 0.2}\n", False),
    ],
)
def test_the_key_follows_what_the_weights_depend_on(
    ledger: Ledger, checkout: Path, file: str, text: str, new_key: bool
) -> None:
    data = add_data(ledger)
    before = ledger.run_key(ledger.snapshot_code(checkout), data).key
    (checkout / file).write_text(text)
    after = ledger.run_key(ledger.snapshot_code(checkout), data).key
    assert (after != before) is new_key


def test_the_key_follows_the_data(ledger: Ledger, checkout: Path) -> None:
    code = ledger.snapshot_code(checkout)
    one, two = add_data(ledger, "row\n"), add_data(ledger, "row\nrow\n")
    assert ledger.run_key(code, one).key != ledger.run_key(code, two).key


def test_a_run_has_a_code_and_a_data_parent_and_opens_once(ledger: Ledger, checkout: Path) -> None:
    code, data = ledger.snapshot_code(checkout), add_data(ledger)
    head = ledger.open_run("k1", code, data, "manual")
    assert ledger.mirror.run("log", "-1", "--format=%P", head) == f"{code} {data}"
    assert ledger.read(head, "data/manifest/b1.csv") == "row"
    assert ledger.open_run("k1", code, data, "again") == head


def test_two_workspaces_race_and_one_push_wins(
    ledger: Ledger, checkout: Path, project: Project
) -> None:
    ledger.open_run("k1", ledger.snapshot_code(checkout), add_data(ledger), "manual")
    first = ledger.clone("run/k1", project.workspaces / "one")
    second = ledger.clone("run/k1", project.workspaces / "two")
    (first.folder / "dvc.lock").write_text("first: 1\n")
    (second.folder / "dvc.lock").write_text("second: 2\n")
    won = first.commit_and_push("first", "dvc.lock")
    with pytest.raises(PushRefusedError):
        second.commit_and_push("second", "dvc.lock")
    assert ledger.head("run/k1") == won
    assert ledger.read(won, "dvc.lock") == "first: 1"


def test_a_workspace_that_a_killed_try_left_is_made_anew(
    ledger: Ledger, checkout: Path, project: Project
) -> None:
    ledger.snapshot_code(checkout)
    left = project.workspaces / "w"
    left.mkdir(parents=True)
    (left / "half-written").write_text("x")
    with ledger.workspace(CODE, left) as work:
        assert not (work.folder / "half-written").exists()
    assert not left.exists()


def test_the_users_git_configuration_has_no_say(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "gitconfig"
    config.write_text("[commit]\n    gpgsign = true\n[user]\n    name = somebody\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    commit = add_data(ledger)
    assert ledger.mirror.run("log", "-1", "--format=%an", commit) == "medloom"


def test_a_ledger_that_went_away_is_not_begun_anew(ledger: Ledger) -> None:
    add_data(ledger)
    folder = Path(ledger.url)
    folder.rename(folder.with_name("unmounted"))
    with pytest.raises(TransientError, match="is its disk mounted"):
        Ledger(ledger.project)
    folder.with_name("unmounted").rename(folder)
    assert Ledger(ledger.project).head(DATA)


def test_a_push_that_fails_without_a_race_is_no_lost_race(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A full disk refuses in the words of a lost race; trying again at once would never end.
    add_data(ledger)
    hook = Path(ledger.url) / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    monkeypatch.setattr("pipeline.ledger.git._RACE_SECONDS", 0.5)
    with pytest.raises(GitError) as caught:
        add_data(ledger, "other\n")
    assert not isinstance(caught.value, PushRefusedError)
