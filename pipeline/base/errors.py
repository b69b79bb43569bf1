"""Errors, grouped by what the caller should do: fail, retry or skip.

Commands map each error to an exit code (`ExitCode`), and the DAGs map the exit code to fail, retry
or skip. A message says what was wrong, what was given, what is allowed and what to type next.
"""

import sys
from collections.abc import Callable
from enum import IntEnum
from typing import NoReturn


class ExitCode(IntEnum):
    """Exit codes of a task's command (from sysexits.h, plus 99)."""

    DONE = 0
    BAD_INPUT = 65
    TRANSIENT = 75
    NOTHING_NEW = 99


class MedloomError(Exception):
    """Base class of medloom's errors."""

    exit_code = ExitCode.BAD_INPUT


class BadInputError(MedloomError):
    """The input, the parameters or the settings are wrong; a retry does not help."""


class TransientError(MedloomError):
    """A service, a lock or a disk was unavailable; a retry may succeed."""

    exit_code = ExitCode.TRANSIENT


class NothingNewError(MedloomError):
    """There is nothing to do: a success that skips the tasks that follow."""

    exit_code = ExitCode.NOTHING_NEW


def run_as_command(work: Callable[[], object]) -> NoReturn:
    """Run `work` and exit with the code that `exit_code` returns."""
    sys.exit(exit_code(work))


def exit_code(work: Callable[[], object]) -> int:
    """Run `work`; returns its exit code.

    A `MedloomError` is printed as one line. An `OSError` (disk, network) is transient. Any other
    exception is a bug and propagates.
    """
    try:
        work()
    except NothingNewError as nothing:
        print(nothing, file=sys.stderr)
        return nothing.exit_code
    except MedloomError as error:
        print(f"medloom: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"medloom: operating system error: {error}", file=sys.stderr)
        return ExitCode.TRANSIENT
    except KeyboardInterrupt:
        return 130
    return ExitCode.DONE
