"""Objects of the DVC store, read without DVC's command or a workspace."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from pipeline.base.errors import BadInputError, TransientError
from pipeline.base.project import Project
from pipeline.ledger.objects import read_object

CONTENT = b"weights"
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


def place(store: Path | str, content: bytes, name: str = MD5) -> Path:
    file = Path(store) / "files" / "md5" / name[:2] / name[2:]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


@pytest.mark.parametrize("name", [MD5, f"{MD5}.dir"])
def test_the_cache_is_asked_before_the_remote(project: Project, name: str) -> None:
    with pytest.raises(BadInputError, match=f"object {name} is missing from the remote"):
        read_object(project, name)
    place(project.remote, CONTENT, name)
    assert read_object(project, name) == CONTENT
    place(project.cache / "dvc", CONTENT, name)
    assert read_object(replace(project, remote="/nowhere"), name) == CONTENT


def test_damaged_bytes_are_never_taken(project: Project) -> None:
    place(project.cache / "dvc", b"damaged")
    file = place(project.remote, CONTENT)
    assert read_object(project, MD5) == CONTENT
    file.write_bytes(b"damaged, too")
    with pytest.raises(BadInputError, match="or damaged"):
        read_object(project, MD5)


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Of an object store; the process reaches it as a user's would."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_EC2_METADATA_DISABLED": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    yield f"http://{host}:{port}"
    server.stop()


def test_a_remote_may_be_any_url_that_dvc_knows(project: Project, endpoint: str) -> None:
    client = boto3.client("s3", endpoint_url=endpoint)
    client.create_bucket(Bucket="store")
    key = f"project/files/md5/{MD5[:2]}/{MD5[2:]}"
    client.put_object(Bucket="store", Key=key, Body=CONTENT)
    assert read_object(replace(project, remote="s3://store/project"), MD5) == CONTENT
    with pytest.raises(BadInputError, match="missing from the remote s3://store/other"):
        read_object(replace(project, remote="s3://store/other"), MD5)
    with pytest.raises(TransientError, match="the DVC store nowhere://store cannot be read"):
        read_object(replace(project, remote="nowhere://store"), MD5)


def test_a_store_that_cannot_be_read_may_be_there_later(project: Project) -> None:
    place(project.remote, CONTENT).unlink()
    file = Path(project.remote) / "files" / "md5" / MD5[:2] / MD5[2:]
    file.mkdir()
    with pytest.raises(TransientError, match="cannot be read"):
        read_object(project, MD5)
