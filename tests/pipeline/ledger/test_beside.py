"""Files beside the remote's objects: kept, listed, fetched whole, removed, and missed by nobody."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from pipeline.base.errors import TransientError
from pipeline.ledger.beside import Beside


@pytest.fixture(params=["folder", "s3"])
def beside(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Beside]:
    if request.param == "folder":
        yield Beside(str(tmp_path / "remote"))
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
    yield Beside("s3://images/remote")
    server.stop()


def test_what_is_put_is_listed_fetched_and_removed(beside: Beside, tmp_path: Path) -> None:
    assert beside.names("checkpoints") == []
    file, to = tmp_path / "file", tmp_path / "elsewhere" / "file"
    for content, name in ((b"1", "a"), (b"2", "b"), (b"3", "a")):
        file.write_bytes(content)
        beside.put(file, f"checkpoints/k/{name}.pt")
    beside.put(file, "index/i.sqlite")
    assert beside.names("checkpoints") == ["checkpoints/k/a.pt", "checkpoints/k/b.pt"]
    assert beside.fetch("checkpoints/k/a.pt", to)
    assert to.read_bytes() == b"3"
    assert not beside.fetch("checkpoints/k/c.pt", to)
    assert to.read_bytes() == b"3", "what was here stays"
    assert [found.name for found in to.parent.iterdir()] == ["file"]
    for _ in range(2):
        beside.remove("checkpoints/k")
        beside.remove("index/i.sqlite")
        assert beside.names("checkpoints") == beside.names("index") == []


def test_a_file_that_went_away_meanwhile_is_not_put(beside: Beside, tmp_path: Path) -> None:
    beside.put(tmp_path / "gone", "checkpoints/k/a.pt")
    assert beside.names("checkpoints") == []


def test_a_remote_that_cannot_be_written_is_worth_another_try(tmp_path: Path) -> None:
    (tmp_path / "remote").write_text("a file")
    with pytest.raises(TransientError, match="cannot be written"):
        Beside(str(tmp_path / "remote")).put(Path(__file__), "a")
