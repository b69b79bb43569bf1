"""How long listing and ingest take in a project with many real files.

`bench.reading.adding` ingests them and a few more; here that project is asked further. And how
long listing a bucket takes, in a simulated store on this machine.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import patch

from bench.faults.tiny import TinyCheckout
from bench.reading.adding import Adding, measure_adding
from bench.scale.command import medloom, wait_for
from bench.scale.row import Asking, ScaleRow, Sizes
from pipeline.base.project import Project
from pipeline.data.arrive.stores import StoreSource
from pipeline.data.landing.index import LocalIndex
from pipeline.data.landing.zone import scan
from pipeline.ledger.lease_holder import end_process_tree
from pipeline.local.processes import answers, free_port

_FEW = 100
_MOST_OBJECTS = 5000  # each is put by a request of its own
_LISTED_AT_ONCE = 1000


def in_images(sizes: Sizes, folder: Path, say: Callable[[str], None]) -> Iterator[ScaleRow]:
    """Measure ingest, listing and the watcher of a project with many real files of 64 px.

    Raises:
        MedloomError: a command failed.
    """
    added = measure_adding(sizes.images, _FEW, folder / "adding", say)
    yield from _added(added)
    project = TinyCheckout(folder / "adding" / "medloom").project
    asking = Asking(f"{added.many + added.few} files in the landing zone", "real", sizes.rounds)
    say("listing")
    yield asking.ask("list the landing zone", lambda: f"{len(scan(project.landing)[0])} files")
    yield asking.ask("list what is new there", lambda: f"{_pending(project)} new")
    told = f"{project.index_file.stat().st_size / 1e6:.1f} MB"
    yield asking.took("the index that a watcher fetches", [], told)
    yield asking.ask("medloom task watch", lambda: _told(project, "task", "watch"))
    yield asking.ask("medloom status, waiting files", lambda: _told(project, "status"))
    yield asking.ask("medloom task plan, first one", lambda: _told(project, "task", "plan"), 1)
    if find_spec("moto"):
        yield _listed(sizes, folder, say)


def _added(added: Adding) -> Iterator[ScaleRow]:
    first = Asking("an empty project", "real")
    told = f"{added.first_mebibytes:.0f} MiB at most"
    yield first.took(f"ingest {added.many} images", [added.first_seconds], told)
    more = Asking(f"{added.many} images ingested before", "real")
    told = f"{added.mebibytes:.0f} MiB at most; decoding {added.decoding:.1f} s"
    yield more.took(f"ingest {added.few} more", [added.seconds], told)


def _pending(project: Project) -> int:
    return LocalIndex.of(project).pending(project.landing).count


def _told(project: Project, *words: str) -> str:
    medloom(project, *words)
    return ""


def _listed(sizes: Sizes, folder: Path, say: Callable[[str], None]) -> ScaleRow:
    """Listing a bucket, as `medloom ingest s3://…` does: a request for each thousand objects."""
    objects = min(sizes.images, _MOST_OBJECTS)
    requests = -(-objects // _LISTED_AT_ONCE)
    say(f"a bucket of {objects} objects")
    with _bucket(folder, objects) as url:
        asking = Asking(f"{objects} objects, {requests} requests", "simulated", sizes.rounds)
        return asking.ask(
            "list a bucket (moto, on this machine)",
            lambda: f"{len(StoreSource(url).items())} objects",
        )


@contextmanager
def _bucket(folder: Path, objects: int) -> Iterator[str]:
    """The URL of a bucket with small objects; it is served for the block."""
    import boto3

    uri = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "moto.server", "--port", uri.rpartition(":")[2]]
    quiet = subprocess.DEVNULL
    server = subprocess.Popen(command, stdout=quiet, stderr=quiet)
    given = {
        "AWS_ENDPOINT_URL": uri, "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }  # fmt: skip
    try:
        wait_for(lambda: answers(f"{uri}/moto-api/"), server, "moto", folder)
        with patch.dict(os.environ, given):
            client = boto3.client("s3")
            client.create_bucket(Bucket="scale")
            for number in range(objects):
                client.put_object(Bucket="scale", Key=f"images/{number:06d}.png", Body=b"png")
            yield "s3://scale/images"
    finally:
        end_process_tree(server.pid)
