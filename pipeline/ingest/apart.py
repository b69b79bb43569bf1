"""Calling a function in other processes, so that whatever brings one down is one bad call.

Decoders are native code, and a hostile file may crash, hang or fill them.
"""

import multiprocessing
import os
import resource
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_MOST_MEMORY = 8 << 30
_AHEAD = 4
"""Calls a process that are handed out before the oldest has come back."""


@dataclass(frozen=True)
class Died:
    """The process did not live to answer; `how`: crashed or hung."""

    how: str


@dataclass
class _Pool(Generic[T, R]):
    function: Callable[[T], R]
    workers: int

    def __enter__(self) -> "_Pool[T, R]":
        self._executor = ProcessPoolExecutor(
            self.workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(self.function,),
        )
        return self

    def submit(self, task: T) -> "Future[R]":
        return self._executor.submit(_call, task)

    def __exit__(self, *_: object) -> None:
        processes = list((self._executor._processes or {}).values())
        self._executor.shutdown(wait=False, cancel_futures=True)
        for process in processes:  # idle ones, and one that hangs
            process.kill()


def run_apart(
    function: Callable[[T], R], tasks: Sequence[T], workers: int, seconds: Callable[[T], float]
) -> Iterator[R | Died]:
    """The function's answers in the order of the tasks.

    Args:
        function: importable, and picklable together with what it holds.
        tasks: what to call it with.
        workers: processes.
        seconds: that a task may take.

    Raises:
        Exception: what the function raised.
    """
    left = deque(tasks)
    while left:
        doubtful: list[T] = []
        with _Pool(function, min(workers, len(left))) as pool:
            handed: deque[tuple[T, Future[R]]] = deque()
            while left or handed:
                try:
                    while left and len(handed) < _AHEAD * workers:
                        handed.append((left[0], pool.submit(left[0])))
                        left.popleft()
                    answer = handed[0][1].result(timeout=seconds(handed[0][0]))
                except (BrokenProcessPool, TimeoutError):
                    doubtful = [task for task, _ in handed]
                    break
                handed.popleft()
                yield answer
        for task in doubtful:
            yield _alone(function, task, seconds)


def _alone(function: Callable[[T], R], task: T, seconds: Callable[[T], float]) -> R | Died:
    """One call in a process of its own: whether it is this one that brings processes down."""
    with _Pool(function, 1) as pool:
        try:
            return pool.submit(task).result(timeout=seconds(task))
        except BrokenProcessPool:
            return Died("crashed")
        except TimeoutError:
            return Died("hung")


_function: Callable[[Any], Any]


def _begin(function: Callable[[Any], Any]) -> None:
    """Of each process: quiet, bounded, deaf to the keyboard, and gone when its parent is."""
    global _function  # noqa: PLW0603 - a process has one task for life
    _function = function
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # native decoders quote what they stumble on
        os.dup2(nowhere, stream)


def _end_with_parent() -> None:
    """An idle worker would wait for ever for whoever was killed."""
    if parent := multiprocessing.parent_process():
        wait([parent.sentinel])
        os._exit(1)


def _call(task: Any) -> Any:
    return _function(task)
