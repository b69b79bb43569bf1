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
_AHEAD = 2
"""Bundles a process that are handed out before the oldest has come back."""


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

    def submit(self, tasks: Sequence[T]) -> "Future[list[R]]":
        return self._executor.submit(_call, tasks)

    def __exit__(self, *_: object) -> None:
        processes = list((self._executor._processes or {}).values())
        manager: Any = self._executor._executor_manager_thread
        self._executor.shutdown(wait=False, cancel_futures=True)
        for process in processes:  # idle ones, and one that hangs
            process.kill()
        if manager:  # else it, and what it has open, would outlive this
            manager.join(10)


def run_apart(
    function: Callable[[T], R],
    bundles: Sequence[Sequence[T]],
    workers: int,
    seconds: Callable[[T], float],
) -> Iterator[R | Died]:
    """The function's answers, one a task, in the order of the tasks.

    Args:
        function: importable, and picklable together with what it holds.
        bundles: of tasks to call it with; those of a bundle travel together and go to one process.
        workers: processes.
        seconds: that a task may take.

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
                    # A bundle of slow tasks may need longer; then they are done again, one by one.
                    answers = handed[0][1].result(timeout=max(map(seconds, handed[0][0])))
                except (BrokenProcessPool, TimeoutError):
                    doubtful = [task for bundle, _ in handed for task in bundle]
                    break
                handed.popleft()
                yield from answers
        yield from _one_by_one(function, doubtful, seconds)


def _one_by_one(
    function: Callable[[T], R], tasks: list[T], seconds: Callable[[T], float]
) -> Iterator[R | Died]:
    """One process does one task after the other, so that it is known which one it died over.

    An earlier task may have hurt it: a crash is blamed on the first task of a process alone.
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
            yield Died(died)


_function: Callable[[Any], Any]


def _begin(function: Callable[[Any], Any]) -> None:
    """Of each process: quiet, bounded, deaf to the keyboard, and gone when its parent is."""
    global _function  # noqa: PLW0603 - a process has one task for life
    _function = function
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    # Once a large block was freed, glibc keeps freed memory: else it would give the pixels of each
    # image back to the system and have new pages cleared for the next, a quarter of all time.
    bytearray(16 << 20)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # native decoders quote what they stumble on
        os.dup2(nowhere, stream)


def _end_with_parent() -> None:
    """An idle worker would wait for ever for whoever was killed."""
    if parent := multiprocessing.parent_process():
        wait([parent.sentinel])
        os._exit(1)


def _call(tasks: Sequence[Any]) -> list[Any]:
    return [_function(task) for task in tasks]
