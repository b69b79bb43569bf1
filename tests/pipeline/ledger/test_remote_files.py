"""Files beside the objects of the remote: put, list, fetch and remove them."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from pipeline.base.errors import TransientError
from pipeline.ledger.remote_files import RemoteFiles
from pipeline.local.processes import free_port


@pytest.fixture(params=["folder", "s3"])
def files(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RemoteFiles]:
    if request.param == "folder":
        yield RemoteFiles(str(tmp_path / "remote"))
        return
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in (
        ("AWS_ENDPOINT_URL", f"http://{host}:{port}"), ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_DEFAULT_REGION", "us-east-1"),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    boto3.client("s3").create_bucket(Bucket="images")
    yield RemoteFiles("s3://images/remote")
    server.stop()


def test_what_is_put_is_listed_fetched_and_removed(files: RemoteFiles, tmp_path: Path) -> None:
    assert files.names("checkpoints") == []
    file, to = tmp_path / "file", tmp_path / "elsewhere" / "file"
    for content, name in ((b"1", "a"), (b"2", "b"), (b"3", "a")):
        file.write_bytes(content)
        files.put(file, f"checkpoints/k/{name}.pt")
    files.put(file, "index/i.sqlite")
    assert files.names("checkpoints") == ["checkpoints/k/a.pt", "checkpoints/k/b.pt"]
    assert files.fetch("checkpoints/k/a.pt", to)
    assert to.read_bytes() == b"3"
    assert not files.fetch("checkpoints/k/c.pt", to)
    assert to.read_bytes() == b"3", "what was here stays"
    assert [found.name for found in to.parent.iterdir()] == ["file"]
    for _ in range(2):
        files.remove("checkpoints/k")
        files.remove("index/i.sqlite")
        assert files.names("checkpoints") == files.names("index") == []


def test_a_file_that_went_away_meanwhile_is_not_put(files: RemoteFiles, tmp_path: Path) -> None:
    files.put(tmp_path / "gone", "checkpoints/k/a.pt")
    assert files.names("checkpoints") == []


def test_a_store_that_is_down_is_worth_another_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}"), ("AWS_MAX_ATTEMPTS", "1"),
        ("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    files, file = RemoteFiles("s3://images/remote"), tmp_path / "file"
    file.write_text("a checkpoint")
    for what, work in (
        ("listed", lambda: files.names("checkpoints")),
        ("read", lambda: files.fetch("a", tmp_path / "b")),
        ("written", lambda: files.put(file, "a")),
        ("listed", lambda: files.remove("checkpoints")),
    ):
        with pytest.raises(TransientError, match=f"cannot be {what}"):
            work()


def test_a_remote_that_cannot_be_written_is_worth_another_try(tmp_path: Path) -> None:
    (tmp_path / "remote").write_text("a file")
    with pytest.raises(TransientError, match="cannot be written"):
        RemoteFiles(str(tmp_path / "remote")).put(Path(__file__), "a")
