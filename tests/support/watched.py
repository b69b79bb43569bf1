"""A Python whose every process writes down whom it connects to, its children included."""

import os
import site
import sys
from dataclasses import dataclass
from pathlib import Path

_HOOK = """
import os, socket, sys

def _watch(event, arguments, _file={file!r}, _open=os.open, _write=os.write, _close=os.close,
           _unix=socket.AF_UNIX):
    if event == "socket.getaddrinfo":
        said = f"{{arguments[0]}}"
    elif event in ("socket.connect", "socket.sendto"):
        if arguments[0].family == _unix:
            return
        said = f"{{arguments[1][0] if isinstance(arguments[1], tuple) else arguments[1]}}"
    else:
        return
    handle = _open(_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    _write(handle, f"{{said}}\\t{{' '.join(sys.orig_argv)[:300]!r}}\\n".encode("utf-8", "replace"))
    _close(handle)

sys.addaudithook(_watch)
"""


@dataclass(frozen=True)
class WatchedPython:
    """A virtual environment with this one's packages; no variable of a shell is needed for it."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> "WatchedPython":
        """Make it; `sys.executable` of its processes, and so of their children, is in `folder`."""
        made = cls(folder)
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        packages = folder / "lib" / version / "site-packages"
        packages.mkdir(parents=True)
        (folder / "bin").mkdir()
        made.python.symlink_to(Path(sys.executable).resolve())
        home = Path(sys.executable).resolve().parent
        (folder / "pyvenv.cfg").write_text(f"home = {home}\ninclude-system-site-packages = false\n")
        (packages / "connections_watched.py").write_text(_HOOK.format(file=str(made.log)))
        places = site.getsitepackages()
        adding = "".join(f"import site; site.addsitedir({place!r})\n" for place in places)
        (packages / "watched.pth").write_text(f"import connections_watched\n{adding}")
        return made

    @property
    def python(self) -> Path:
        """The interpreter."""
        return self.folder / "bin" / "python"

    @property
    def log(self) -> Path:
        """Its file: one line a connection, the host and the command line that made it."""
        return self.folder / "connections.txt"

    def strangers(self) -> list[str]:
        """The connections that left this machine, and names that were looked up for that."""
        if not self.log.exists():
            return []
        here = ("127.0.0.1", "localhost", "::1", "0.0.0.0", "None", os.uname().nodename)
        lines = self.log.read_text().splitlines()
        return [line for line in lines if line.split("\t")[0] not in here]
