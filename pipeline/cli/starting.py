"""Show what is waited for while services start."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

_PLAIN_SECONDS = 20.0


@contextmanager
def starting(console: Console, what: str) -> Iterator[Callable[[str], None]]:
    """Show that services start; yields the `on_wait` of `services.up`.

    In a terminal what is waited for stands beside it, with its seconds; elsewhere a line is printed
    every 20 seconds.
    """
    begun = last = time.monotonic()
    known = ""
    with console.status(f"starting {what}") as shown:

        def on_wait(for_: str) -> None:
            nonlocal begun, last, known
            now = time.monotonic()
            if for_ != known:
                begun, known = now, for_
            said = f"waiting for {for_}, {now - begun:.0f} s"
            shown.update(f"starting {what}: {said}")
            if not console.is_terminal and now - last >= _PLAIN_SECONDS:
                last = now
                console.print(said)

        yield on_wait
