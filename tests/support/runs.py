"""A project whose runs are written by hand into git and the remote, without DVC and training."""

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import yaml

from pipeline.audit.objects import listing_md5, md5_of
from pipeline.base.project import Project
from pipeline.base.start import FRESH, NETWORKS, Start
from pipeline.data.manifest import Row
from pipeline.ledger.journal import Journal, Record
from pipeline.ledger.ledger import CODE, DATA, STAGES, Ledger
from pipeline.ledger.run import Run, branch_of

OUTS = {"preprocess": "data/processed", "train": "models", "evaluate": "reports"}
CLASSES = ("cyst", "stone")


def row(number: int) -> Row:
    """The manifest's row of an image; one in three is of test."""
    id_, stored, source = (
        hashlib.sha256(f"{what} {number}".encode()).hexdigest() for what in "isf"
    )
    split = ("train", "train", "test")[number % 3]
    label, group = CLASSES[number % 2], f"patient-{number:08x}"
    return Row(id_, stored, source, "b1", label, group, split, "axial", 64, 64, 8)


@dataclass(frozen=True)
class HandMade:
    """The project; each method commits one thing."""

    project: Project

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.project)

    @property
    def journal(self) -> Journal:
        return Journal(self.ledger)

    def code(self, params: dict[str, object] | None = None, dvc: str = "stages: {}\n") -> str:
        """A snapshot of the code with these parameters."""
        text = yaml.safe_dump(params or {"train": {"seed": 0}})
        files = {"params.yaml": text, "dvc.yaml": dvc, ".dvc/config": "[core]\nanalytics = false\n"}
        return self.ledger.commit_files(CODE, self.ledger.head(CODE), files, "code")

    def data(self, numbers: Sequence[int], files: dict[str, str] | None = None) -> str:
        """A data revision of the images with these numbers."""
        stream = io.StringIO()
        writer = csv.DictWriter(stream, [one.name for one in fields(Row)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row(number)) for number in numbers)
        made = {"data/manifest/b1.csv": stream.getvalue(), **(files or {})}
        return self.ledger.commit_files(DATA, self.ledger.head(DATA), made, "data")

    def learn(self, networks: bytes | None, start: Start = FRESH) -> Record:
        """A run of the newest code and data, its outputs and its verdict: promoted."""
        ledger, journal = self.ledger, self.journal
        code, data = ledger.head(CODE), ledger.head(DATA)
        assert code
        assert data
        key = ledger.run_key(code, data, start).key
        head = ledger.open_run(key, code, data, "manual", start)
        version = len(journal.records) + 1
        files = {"generator.safetensors": f"weights of {version}".encode()}
        if networks is not None:
            files |= {NETWORKS.name: networks, f"baseline/{NETWORKS.name}": networks + b" beside"}
        lock = {"stages": {s: {"deps": [], "outs": [self._out(s, files)]} for s in STAGES}}
        ledger.commit_files(branch_of(key), head, {"dvc.lock": yaml.safe_dump(lock)}, "stages")
        record = journal.append(
            action="promoted", version=version, weights_sha256=f"w{version}", run_key=key,
            data=data, test_set="t", by="gate", reason="by hand",
        )  # fmt: skip
        assert record is not None
        return record

    def networks_of(self, record: Record, content: bytes) -> Start:
        """What a run says that begins from a version's networks."""
        sha256 = hashlib.sha256(content).hexdigest()
        return Start(record.number, record.run_key, record.weights_sha256, sha256,
                     md5_of(content), len(content))  # fmt: skip

    def place_of(self, md5: str) -> Path:
        """Where an object of the remote lies."""
        return Path(self.project.remote, "files", "md5", md5[:2], md5[2:])

    def run(self, record: Record) -> Run:
        """The run of a version."""
        return Run.get(self.ledger, record.run_key)

    def _out(self, stage: str, models: dict[str, bytes]) -> dict[str, object]:
        files = models if stage == "train" else {"one.json": stage.encode()}
        entries = {name: md5_of(content) for name, content in files.items()}
        listing = [{"md5": md5, "relpath": name} for name, md5 in sorted(entries.items())]
        name = listing_md5(entries)
        for md5, content in ((name, json.dumps(listing).encode()),
                             *((entries[n], c) for n, c in files.items())):  # fmt: skip
            self.place_of(md5).parent.mkdir(parents=True, exist_ok=True)
            self.place_of(md5).write_bytes(content)
        return {"path": OUTS[stage], "md5": name, "hash": "md5", "size": 1}
