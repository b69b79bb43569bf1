"""The index on its way from host to host: each ingest leaves it in the DVC remote for the next.

So `watch` and `ingest` need not read the whole landing zone again on a host that has never done
so, or has not lately. It may be lost there, too. It is named by the key of its pseudonyms, as
nobody with another key could read it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.base.errors import BadInputError
from pipeline.base.project import Project
from pipeline.data.landing.index import Entry, LocalIndex
from pipeline.data.names import KEY_ID_FILE, Pseudonyms, check_key_id
from pipeline.ledger.ledger import DATA, Ledger
from pipeline.ledger.remote_files import RemoteFiles


def fetch_index(project: Project, index: LocalIndex) -> None:
    """Put what the last ingest of any host left in the place of this host's index.

    One that is older than this host's own costs an ingest that finds nothing, and no image.

    Raises:
        TransientError: the remote cannot be read.
    """
    RemoteFiles(project.remote).fetch(_name(index), index.file)


def share_index(project: Project, index: LocalIndex) -> None:
    """Leave this host's index in the remote.

    Raises:
        TransientError: the remote cannot be written.
    """
    RemoteFiles(project.remote).put(index.file, _name(index))


@contextmanager
def newest_index(project: Project, ledger: Ledger) -> Iterator[LocalIndex]:
    """The index as the last ingest of any host left it, to read in; this host's own if none did.

    Raises:
        BadInputError: the key of the pseudonyms is missing, or not that of the data.
        TransientError: the remote cannot be read.
    """
    data = ledger.head(DATA)
    known = ledger.read(data, str(KEY_ID_FILE)) if data else None
    names = Pseudonyms.load(project.patient_key, make=known is None)
    check_key_id(known, names)
    with TemporaryDirectory(prefix="medloom-index-") as folder:
        shared = LocalIndex(Path(folder) / project.index_file.name, names)
        found = RemoteFiles(project.remote).fetch(_name(shared), shared.file)
        yield shared if found else LocalIndex(project.index_file, names)


def newest_entries(project: Project, ledger: Ledger) -> list[Entry] | None:
    """What the last ingest of any host made of the landing zone.

    Returns:
        Its entries; None where no host has left any, or where this host has no key, or another one
        than the data: then it is not one that ingests.

    Raises:
        TransientError: the remote cannot be read.
    """
    try:
        with newest_index(project, ledger) as index:
            return index.entries() if index.file.exists() else None
    except BadInputError:
        return None


def _name(index: LocalIndex) -> str:
    return f"index/{index.names.key_id}.sqlite"
