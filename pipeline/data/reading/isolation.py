"""Call a function in other processes, so that a crash costs only one call.

Decoders are native code: a hostile file may crash or hang them, or exhaust memory.
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
_AHEAD = 2
"""Bundles submitted per process before the oldest is finished."""


@dataclass(frozen=True)
class WorkerFailure:
    """The process ended without an answer; `how`: crashed or hung."""

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

    def submit(self, tasks: Sequence[T]) -> "Future[list[R]]":
        return self._executor.submit(_call, tasks)

    def __exit__(self, *_: object) -> None:
        processes = list((self._executor._processes or {}).values())
        manager: Any = self._executor._executor_manager_thread
        self._executor.shutdown(wait=False, cancel_futures=True)
        for process in processes:  # idle ones, and one that hangs
            process.kill()
        if manager:  # else it and its open pipes would outlive the pool
            manager.join(10)


def run_isolated(
    function: Callable[[T], R],
    bundles: Sequence[Sequence[T]],
    workers: int,
    seconds: Callable[[T], float],
) -> Iterator[R | WorkerFailure]:
    """Yield the function's answers, one per task, in the order of the tasks.

    Args:
        function: importable, and picklable with its attributes.
        bundles: lists of tasks; the tasks of a bundle are sent together to one process.
        workers: number of processes.
        seconds: time limit of a task.

    Raises:
        Exception: what the function raised.
    """
    left = deque(bundles)
    while left:
        doubtful: list[T] = []
        with _Pool(function, min(workers, len(left))) as pool:
            handed: deque[tuple[Sequence[T], Future[list[R]]]] = deque()
            while left or handed:
                try:
                    while left and len(handed) < _AHEAD * workers:
                        handed.append((left[0], pool.submit(left[0])))
                        left.popleft()
                    # A bundle of slow tasks may need longer; its tasks then run again, one by one.
                    answers = handed[0][1].result(timeout=max(map(seconds, handed[0][0])))
                except (BrokenProcessPool, TimeoutError):
                    doubtful = [task for bundle, _ in handed for task in bundle]
                    break
                handed.popleft()
                yield from answers
        yield from _one_by_one(function, doubtful, seconds)


def _one_by_one(
    function: Callable[[T], R], tasks: list[T], seconds: Callable[[T], float]
) -> Iterator[R | WorkerFailure]:
    """Run tasks one after the other in one process, to find the one that crashes it.

    An earlier task may have damaged the process: a crash counts only against its first task.
    """
    left = deque(tasks)
    while left:
        answered, died = False, ""
        with _Pool(function, 1) as pool:
            while left and not died:
                try:
                    (answer,) = pool.submit([left[0]]).result(timeout=seconds(left[0]))
                except BrokenProcessPool:
                    died = "crashed"
                except TimeoutError:
                    died = "hung"
                else:
                    left.popleft()
                    answered = True
                    yield answer
        if died == "hung" or (died and not answered):
            left.popleft()
            yield WorkerFailure(died)


_function: Callable[[Any], Any]


def _begin(function: Callable[[Any], Any]) -> None:
    """Set up a worker: silent, bounded in memory, immune to Ctrl-C, and ending with its parent."""
    global _function  # noqa: PLW0603 - a process has one function for life
    _function = function
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    # After a large block was freed, glibc keeps freed memory. Else it would return the pixels of
    # each image to the system and get cleared pages for the next, a quarter of the time.
    bytearray(16 << 20)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # native decoders print parts of the file
        os.dup2(nowhere, stream)


def _end_with_parent() -> None:
    """Exit with the parent: an idle worker would wait for ever for a killed one."""
    if parent := multiprocessing.parent_process():
        wait([parent.sentinel])
        os._exit(1)


def _call(tasks: Sequence[Any]) -> list[Any]:
    return [_function(task) for task in tasks]
