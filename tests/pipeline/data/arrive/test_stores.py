"""Images from stores: S3 by a local test server, memory, http."""

import http.server
import io
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import fsspec
import pytest
from moto.server import ThreadedMotoServer

from pipeline.base.errors import BadInputError, TransientError
from pipeline.base.project import Project
from pipeline.data.arrive.feed import FeedReport, apply_plan
from pipeline.data.arrive.feed_plan import open_source, plan_feed
from pipeline.data.arrive.fetched import FetchLog
from pipeline.data.arrive.source import Item, OnBytes
from pipeline.data.arrive.stores import StoreSource, shown_url
from pipeline.data.landing.zone import scan
from tests.pipeline.cli.test_main import invoke
from tests.support.pictures import NAMES, encode, picture

pytestmark = pytest.mark.usefixtures("dvc_in_process")

CLASSES = ("cyst", "stone", "tumor")
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "of-the-tests"}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it logs every request
    started = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    started.start()
    host, port = started.get_host_and_port()
    yield f"http://{host}:{port}"
    started.stop()


@pytest.fixture
def s3(server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of an empty bucket `hospital`, with credentials in the environment."""
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": server}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    client = boto3.client("s3")
    client.create_bucket(Bucket="hospital")
    for found in client.list_objects_v2(Bucket="hospital").get("Contents", []):
        client.delete_object(Bucket="hospital", Key=found["Key"])
    return client


def put(s3: Any, key: str, data: bytes) -> None:
    s3.put_object(Bucket="hospital", Key=key, Body=data)


def fill(s3: Any) -> None:
    """30 dissimilar images in three class prefixes."""
    for number in range(30):
        put(s3, f"export/{CLASSES[number % 3]}/{number:02d}.png", encode(picture(number)))


class Meddling(StoreSource):
    """A store that changes some objects once their first bytes were read."""

    def __init__(self, url: str, acts: dict[str, Callable[[], object]]) -> None:
        super().__init__(url)
        self.acts, self.fetched = acts, list[str]()

    def fetch(self, item: Item, to: Path, tell: OnBytes) -> None:
        act = self.acts.pop(item.path, None)

        def meddle(more: int) -> None:
            nonlocal act
            if act:
                act()
                act = None
            tell(more)

        self.fetched.append(item.path)
        super().fetch(item, to, meddle)


def run(source: StoreSource, folder: Path) -> FeedReport:
    fetched = FetchLog(folder / "fetched.jsonl", NAMES)
    plan = plan_feed(source, folder / "landing", fetched=fetched)
    return apply_plan(plan, folder / "landing", fetched=fetched)


def landed(folder: Path) -> dict[str, bytes]:
    return {f.path: (folder / "landing" / f.path).read_bytes() for f in scan(folder / "landing")[0]}


def everything(folder: Path) -> list[str]:
    return [str(file) for file in folder.rglob("*")]


def test_objects_that_change_or_vanish_are_left_out(s3: Any, tmp_path: Path) -> None:
    fill(s3)
    acts = {
        "cyst/03.png": lambda: put(s3, "export/cyst/03.png", encode(picture(99))),
        "stone/04.png": lambda: s3.delete_object(Bucket="hospital", Key="export/stone/04.png"),
    }
    fed = run(Meddling("s3://hospital/export", acts), tmp_path)
    assert (fed.copied, fed.unsteady) == (28, ("cyst/03.png", "stone/04.png"))
    assert not {"cyst/03.png", "stone/04.png"} & set(landed(tmp_path))

    again = Meddling("s3://hospital/export", {})
    assert run(again, tmp_path) == FeedReport(1, 28)
    assert again.fetched == ["cyst/03.png"]
    assert landed(tmp_path)["cyst/03.png"] == encode(picture(99))
    for number in (*range(3), *range(5, 30)):
        assert landed(tmp_path)[f"{CLASSES[number % 3]}/{number:02d}.png"] == encode(
            picture(number)
        )


def test_a_second_run_fetches_only_new_versions(s3: Any, tmp_path: Path) -> None:
    fill(s3)
    run(StoreSource("s3://hospital/export"), tmp_path)
    before = landed(tmp_path)
    again = Meddling("s3://hospital/export/", {})
    assert run(again, tmp_path) == FeedReport(0, 30)
    assert again.fetched == []
    put(s3, "export/cyst/00.png", encode(picture(77)))
    assert run(StoreSource("s3://hospital/export"), tmp_path) == FeedReport(1, 29)
    new = set(landed(tmp_path)) - set(before)
    assert [landed(tmp_path)[path] for path in new] == [encode(picture(77))]
    assert all(landed(tmp_path)[path] == data for path, data in before.items())
    again = Meddling("s3://hospital/export", {})
    assert (run(again, tmp_path), again.fetched) == (FeedReport(0, 30), [])


def test_without_the_log_objects_are_fetched_and_compared(s3: Any, tmp_path: Path) -> None:
    fill(s3)
    run(StoreSource("s3://hospital/export"), tmp_path)
    text = (tmp_path / "fetched.jsonl").read_text()
    assert not any(word in text for word in ("hospital", "export", "cyst"))
    (tmp_path / "fetched.jsonl").write_text(text[:-9])  # a kill in the middle of a line
    again = Meddling("s3://hospital/export", {})
    assert run(again, tmp_path) == FeedReport(0, 30)
    assert len(again.fetched) == 1
    (tmp_path / "fetched.jsonl").unlink()
    before = landed(tmp_path)
    assert run(StoreSource("s3://hospital/export"), tmp_path) == FeedReport(0, 30)
    assert landed(tmp_path) == before


KILLED = """
import os, signal, sys
from pathlib import Path
from pipeline.data.arrive.feed import apply_plan
from pipeline.data.arrive.feed_plan import plan_feed
from pipeline.data.arrive.stores import StoreSource

def tell(files, all_files, done, total):
    if files >= 10 and done > total / 2:
        os.kill(os.getpid(), signal.SIGKILL)

class Half(StoreSource):
    def fetch(self, item, to, tell):
        super().fetch(item, to, lambda more: None)
        whole = to.read_bytes()
        to.write_bytes(whole[: len(whole) // 2])
        tell(len(whole))
        to.write_bytes(whole)

landing = Path(sys.argv[1])
apply_plan(plan_feed(Half("s3://hospital/export"), landing), landing, on_progress=tell)
"""


def test_a_killed_download_leaves_nothing_that_is_ingested(s3: Any, tmp_path: Path) -> None:
    fill(s3)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "landing")], check=False, timeout=120
    )
    assert done.returncode == -signal.SIGKILL
    wanted = {
        f"{CLASSES[number % 3]}/{number:02d}.png": encode(picture(number)) for number in range(30)
    }
    found = landed(tmp_path)
    assert 10 <= len(found) < 30
    assert found == {path: data for path, data in wanted.items() if path in found}
    assert [name for name in everything(tmp_path) if ".arriving-" in name], "killed too early"
    fed = run(StoreSource("s3://hospital/export"), tmp_path)
    assert fed == FeedReport(30 - len(found), len(found))
    assert landed(tmp_path) == wanted
    assert not [name for name in everything(tmp_path) if ".arriving-" in name]


def test_hostile_keys_cannot_leave_the_landing_zone(s3: Any, tmp_path: Path) -> None:
    good = ["export/cyst/a.png", "export/cyst/b c\u00fc.png"]
    hostile = [
        "export/../../../x.png", "export//b.png", "export/cyst/../../../y.png", "export/./z.png",
        f"export/cyst/{'n' * 250}.png", "export/cyst/a.png/inside.png",
    ]  # fmt: skip
    for key in [*good, *hostile, "export/.hidden/a.png", "export/empty/"]:
        put(s3, key, encode(picture(1)))
    put(s3, "exporter/cyst/not-asked-for.png", b"x")
    plan = plan_feed(StoreSource("s3://hospital/export"), tmp_path / "in" / "landing")
    assert len(plan.unsafe) == len(hostile)
    apply_plan(plan, tmp_path / "in" / "landing")
    found = {str(f.relative_to(tmp_path)) for f in tmp_path.rglob("*") if f.is_file()}
    assert found == {"in/landing/cyst/b c\u00fc.png", "in/landing/cyst/a.png/inside.png"}


def test_names_that_are_not_valid_in_a_folder_are_counted() -> None:
    from pipeline.data.arrive.feed_plan import _safe

    paths = ["a/b.png", "/abs.png", "a//b.png", "", "..", "a/\0.png", "a/" + "\u00fc" * 130]
    good, unsafe = _safe([Item(path, 1) for path in paths], Path("/landing"))
    assert [item.path for item in good] == ["a/b.png"]
    assert sorted(unsafe) == sorted(paths[1:])


def test_a_link_in_the_landing_zone_is_not_written_through(s3: Any, tmp_path: Path) -> None:
    fill(s3)
    (tmp_path / "outside").mkdir()
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "cyst").symlink_to(tmp_path / "outside")
    with pytest.raises(BadInputError, match="leads out of the landing zone"):
        run(StoreSource("s3://hospital/export"), tmp_path)
    assert not list((tmp_path / "outside").iterdir())


def test_from_bucket_to_data_revision(s3: Any, project: Project) -> None:
    fill(s3)
    dry = json.loads(invoke(project, "ingest", "s3://hospital/export", "--dry-run", "--json"))
    assert (dry["files"], dry["classes"]["cyst"]["new"]) == (30, 10)
    assert not project.state.exists()
    assert not project.landing.exists()
    first = json.loads(invoke(project, "ingest", "s3://hospital/export", "--json"))
    assert (first["copied"], first["new"]) == (30, 30)
    again = json.loads(invoke(project, "ingest", "s3://hospital/export", "--json"))
    assert (again["copied"], again["present"], again["new"], again["read"]) == (0, 30, 0, 0)


SECRETS = ("hunter2", "token", "jane")


def refused(url: str) -> str:
    with pytest.raises((BadInputError, TransientError)) as caught:
        open_source(url).items()
    told = f"{caught.value} {caught.value!r}"
    assert not any(secret in told for secret in SECRETS)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    kind = "TransientError" if caught.errisinstance(TransientError) else "BadInputError"
    return f"{kind}: {caught.value}"


def test_a_refusing_store_says_what_to_set(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(s3)
    assert "BadInputError: s3://nowhere/x: nothing exists there" in refused(
        "s3://nowhere/x?token=1"
    )
    assert "nothing exists there" in refused("s3://hospital/no-such-folder")
    assert "names no bucket" in refused("s3://")
    assert "allowed are s3://" in refused("nope://jane:hunter2@host/x")
    assert "chain" in refused("simplecache::s3://hospital/x?token=1")
    assert "is not installed" in refused("abfs://jane:hunter2@x/y?token=1")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert "set AWS_ACCESS_KEY_ID" in refused("s3://hospital/export?token=1")


def test_an_unreachable_store_is_a_transient_error(
    s3: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("s3fs.core.S3FileSystem.retries", 1)
    assert "TransientError: s3://hospital/export" in refused("s3://hospital/export?token=1")
    assert "TransientError" in refused("http://jane:hunter2@127.0.0.1:9/a.zip?token=1")


def test_secrets_of_a_url_are_not_shown() -> None:
    assert shown_url("https://jane:hunter2@host:8/a/b.zip?token=1#x") == "https://host:8/a/b.zip"


def test_memory_and_file_urls(tmp_path: Path) -> None:
    store = fsspec.filesystem("memory")
    store.pipe("/clinic/stone/a.png", b"1")
    store.pipe("/clinic/cyst/a.png", b"22")
    assert run(StoreSource("memory://clinic"), tmp_path) == FeedReport(2, 0)
    assert run(StoreSource("memory://clinic"), tmp_path) == FeedReport(0, 2)
    assert landed(tmp_path) == {"stone/a.png": b"1", "cyst/a.png": b"22"}
    plan = plan_feed(open_source(f"file://{tmp_path}/landing"), tmp_path / "other")
    assert [planned.path for planned in plan.files] == ["cyst/a.png", "stone/a.png"]


class Served(http.server.SimpleHTTPRequestHandler):
    """A server of a folder; some paths answer 403 or 503."""

    def send_head(self) -> Any:
        for code in (403, 503):
            if f"/{code}" in self.path:
                self.send_error(code)
                return None
        return super().send_head()

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "www").mkdir()
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("stone/a.png", encode(picture(1)))
    (tmp_path / "www" / "scans 1.zip").write_bytes(content.getvalue())
    handler = partial(Served, directory=str(tmp_path / "www"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_one_file_by_http(web: str, tmp_path: Path) -> None:
    url = f"{web}/scans%201.zip?token=1"
    assert run(StoreSource(url), tmp_path) == FeedReport(1, 0)
    assert run(StoreSource(url), tmp_path) == FeedReport(0, 1)
    assert list(landed(tmp_path)) == ["scans 1.zip"]
    assert "token" not in (tmp_path / "fetched.jsonl").read_text()
    assert "nothing exists there" in refused(f"{web}/other.zip?token=1")
    assert "set AWS_ACCESS_KEY_ID" in refused(f"{web}/403?token=1")
    assert "TransientError" in refused(f"{web}/503?token=1")
