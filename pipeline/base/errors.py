"""What can go wrong, by what the caller should do about it.

A command turns each of these into an exit code (`ExitCode`); the DAGs turn the exit code into
fail, retry or skip. A message says what was wrong, what came, what is allowed and what to type
next.
"""

import sys
from collections.abc import Callable
from enum import IntEnum
from typing import NoReturn


class ExitCode(IntEnum):
    """The contract between a task and the command it runs (from sysexits.h, plus 99)."""

    DONE = 0
    BAD_INPUT = 65
    TRANSIENT = 75
    NOTHING_NEW = 99


class MedloomError(Exception):
    """Base of every error that medloom raises on purpose."""

    exit_code = ExitCode.BAD_INPUT


class BadInputError(MedloomError):
    """The input, the parameters or the settings are wrong: trying again will not help."""

    exit_code = ExitCode.BAD_INPUT


class TransientError(MedloomError):
    """A service, a lock or a disk was not there: the same call may work later."""

    exit_code = ExitCode.TRANSIENT


class NothingNewError(MedloomError):
    """There is nothing to do, which is a success that skips what would follow."""

    exit_code = ExitCode.NOTHING_NEW


def run_as_command(work: Callable[[], object]) -> NoReturn:
    """Run a program and exit with the code that its outcome calls for, as `exit_code` tells it."""
    sys.exit(exit_code(work))


def exit_code(work: Callable[[], object]) -> int:
    """Run a program; returns the code that its outcome calls for.

    What medloom raises on purpose is told in one line. A disk or a network that fails is worth
    another try; anything else is a bug, which goes on to the caller.
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
        print(f"medloom: the system said: {error}", file=sys.stderr)
        return ExitCode.TRANSIENT
    except KeyboardInterrupt:
        return 130
    return ExitCode.DONE
