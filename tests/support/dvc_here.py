"""DVC's short commands in the process of the tests: a process of its own takes a second, each."""

import contextlib
import io
import os
import threading
from collections.abc import Iterator, Mapping
from unittest import mock

from dvc.cli import parse_args

from pipeline.data.reading import readers
from pipeline.ledger.dvc import Dvc

_SHORT = ("add", "push", "pull", "remove")
_run, _alone = Dvc.run, threading.Lock()


def _here(dvc: Dvc, *arguments: str, env: Mapping[str, str] | None = None) -> str:
    """What `Dvc.run` does. What fails here is done again by it, so that it tells the failure."""
    if arguments[0] not in _SHORT or env:
        return _run(dvc, *arguments, env=env)
    site, said = {"DVC_SITE_CACHE_DIR": str(dvc.cache / "dvc-site")}, io.StringIO()
    with (
        _alone,
        contextlib.chdir(dvc.workspace),
        mock.patch.dict(os.environ, site),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
    ):
        try:
            options = parse_args(["--wait-for-lock", *arguments])
            failed = options.func(options).do_run()
        except Exception:
            failed = 1
    return _run(dvc, *arguments) if failed else said.getvalue()


@contextlib.contextmanager
def dvc_here() -> Iterator[None]:
    """For the block, a process is started for `repro`, or after a failure, and none to read files.

    Fixtures of a module are made before that of each test sets the number of readers.
    """
    with mock.patch.object(Dvc, "run", _here), mock.patch.object(readers, "READERS", 0):
        yield
