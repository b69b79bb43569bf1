"""What a run's training begins from: fresh networks, or those of a version.

Every run's branch has the folder `start`. `origin.json` says which it is. With a version's networks
a `.dvc` file names their bytes in the remote, where the version's own run has put them; the stage
finds them beside it.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from pipeline.base.errors import BadInputError

FOLDER = Path("start")
ORIGIN_FILE = FOLDER / "origin.json"
NETWORKS = FOLDER / "networks.safetensors"
TRACKED = FOLDER / "networks.safetensors.dvc"
FORMAT = 1


@dataclass(frozen=True)
class Start:
    """What a training begins from.

    Attributes:
        version: of the registry, whose run's networks they are; None: fresh networks.
        run_key: of that version's run.
        weights_sha256: of that version.
        sha256, md5, bytes: of networks.safetensors.
    """

    version: int | None = None
    run_key: str = ""
    weights_sha256: str = ""
    sha256: str = ""
    md5: str = ""
    bytes: int = 0

    @property
    def kind(self) -> str:
        """As `train.start` names it: fresh or champion."""
        return "fresh" if self.version is None else "champion"

    @property
    def facts(self) -> dict[str, object]:
        """As JSON; those of fresh networks have nothing more to say."""
        return {"from": self.kind} | ({} if self.version is None else asdict(self))

    @property
    def words(self) -> str:
        """For a person: fresh networks, or which version's."""
        if self.version is None:
            return "fresh networks"
        return f"the networks of version {self.version} (run {self.run_key})"

    def files(self) -> dict[str, str]:
        """The files of the run's folder `start`, path -> text."""
        text = json.dumps({"format": FORMAT, **self.facts}, indent=2) + "\n"
        found = {str(ORIGIN_FILE): text}
        if self.version is not None:
            found[str(TRACKED)] = (
                f"outs:\n- md5: {self.md5}\n  size: {self.bytes}\n  hash: md5\n"
                f"  path: {NETWORKS.name}\n"
            )
        return found

    @classmethod
    def parse(cls, text: str | None) -> Self:
        """Read the text of origin.json; None, of a run before there was such a file: fresh.

        Raises:
            BadInputError: it is not such a file, or a newer medloom wrote it.
        """
        if text is None:
            return cls()
        try:
            told = json.loads(text)
            if told["format"] > FORMAT:
                raise BadInputError(
                    f"{ORIGIN_FILE} has format {told['format']}, and this medloom reads up to "
                    f"{FORMAT}: it was written by a newer medloom: upgrade"
                )
            if told["from"] == "fresh":
                return cls()
            names = ("version", "run_key", "weights_sha256", "sha256", "md5", "bytes")
            return cls(**{name: told[name] for name in names})
        except (ValueError, KeyError, TypeError) as error:
            raise BadInputError(
                f"{ORIGIN_FILE} cannot be read ({error}): `medloom audit verify` shows what else "
                "of the run's branch was changed"
            ) from error


FRESH = Start()
