"""Many rows in a SQLite database: copies of a few that the program itself has written.

So the schema and the contents of each row are real, and only their number is simulated.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

_CACHE_KIB = 1 << 20


@contextmanager
def copying(database: Path, projects: int, runs: int) -> Iterator["Copies"]:
    """Copy rows of a database for the block, in one transaction.

    Args:
        database: a SQLite file, which nobody writes to meanwhile.
        projects, runs: copies are made for each run of each project.
    """
    with closing(sqlite3.connect(database, timeout=60)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute("CREATE TEMP TABLE n (i INTEGER, project INTEGER, run INTEGER)")
        connection.executemany(
            "INSERT INTO n VALUES (?, ?, ?)",
            (
                (project * runs + run, project, run)
                for project in range(projects)
                for run in range(runs)
            ),
        )
        with connection:
            yield Copies(connection)


class Copies:
    """Copies rows; n.i is the number of a copy, n.project and n.run the two parts of it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def copy(self, table: str, where: str, change: Mapping[str, str], among: str = "1") -> int:
        """Copy the rows of a table; returns how many there are now.

        Args:
            table: its name.
            where: which rows are copied; a condition of SQL.
            change: column -> SQL expression of its value in the copies; the others stay as they
                are. t has the copied row, n the copy's number.
            among: which copies are made; a condition of SQL on n.
        """
        told = self._connection.execute(f"SELECT name FROM pragma_table_info('{table}')")  # noqa: S608
        columns = [str(name) for (name,) in told]
        values = ", ".join(change.get(name, f't."{name}"') for name in columns)
        names = ", ".join(f'"{name}"' for name in columns)
        # A table of their own, as SQLite would first write all copies to a temporary one.
        self._connection.execute(f"CREATE TEMP TABLE t AS SELECT * FROM {table} WHERE {where}")  # noqa: S608
        self._connection.execute(  # CROSS JOIN keeps the order of the copies
            f"INSERT INTO {table} ({names}) SELECT {values} FROM n CROSS JOIN t WHERE {among}"  # noqa: S608
        )
        self._connection.execute("DROP TABLE t")
        (count,) = self._connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
        return int(count)

    def value(self, query: str) -> str:
        """The first value of a query, as text."""
        (found, *_) = self._connection.execute(query).fetchone()
        return str(found)

    def set(self, table: str, values: str, where: str = "1") -> None:
        """Change all rows of a table for which a condition holds."""
        self._connection.execute(f"UPDATE {table} SET {values} WHERE {where}")  # noqa: S608


def megabytes(database: Path) -> str:
    """The size of a SQLite database with its journal."""
    files = database.parent.glob(f"{database.name}*")
    return f"{sum(file.stat().st_size for file in files) / 1e6:.1f} MB"
