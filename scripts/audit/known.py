"""What is known against the packages of lock files, less what is accepted.

Run by `make audit`. Exit code 0: nothing that is not accepted; 1: something is; 75: the service
that knows of vulnerabilities (OSV) did not answer.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ACCEPTED = Path(__file__).with_name("accepted.txt")
SERVICE_VARIABLE = "MEDLOOM_OSV_URL"
"""A mirror of OSV's query, for a site without a way out."""
FOUND, TRY_LATER = 1, 75


@dataclass(frozen=True, order=True)
class Vulnerability:
    """One vulnerability of an installed package.

    Attributes:
        package, version: what has it.
        names: its identifiers, such as a CVE and a GHSA.
        mended: versions without it.
    """

    package: str
    version: str
    names: tuple[str, ...]
    mended: tuple[str, ...]

    def __str__(self) -> str:
        better = f"mended in {', '.join(self.mended)}" if self.mended else "no version mends it"
        return f"{self.package} {self.version}: {', '.join(self.names)}; {better}"


def found_in(report: str) -> list[Vulnerability]:
    """The vulnerabilities of a report of `pip-audit --format json`."""
    return sorted(
        Vulnerability(
            package["name"], package["version"], (one["id"], *one["aliases"]),
            tuple(one["fix_versions"]),
        )
        for package in json.loads(report)["dependencies"]
        for one in package["vulns"]
    )  # fmt: skip


def accepted(text: str) -> dict[str, str]:
    """Why each identifier is accepted, of the text of accepted.txt.

    Raises:
        ValueError: a line has no reason.
    """
    why = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, *rest = line.split(maxsplit=2)
        if len(rest) != 2:
            raise ValueError(f"{ACCEPTED.name}: {line!r} lacks a package or a reason")
        why[name] = rest[1]
    return why


def judge(vulnerabilities: Sequence[Vulnerability], why: dict[str, str]) -> tuple[list[str], int]:
    """What to say, and the exit code."""
    said, bad, used = [], 0, set[str]()
    for one in vulnerabilities:
        name = next((name for name in one.names if name in why), None)
        if name:
            used.add(name)
            said.append(f"accepted  {one}: {why[name]}")
        else:
            bad = FOUND
            said.append(f"OPEN      {one}")
    for name in sorted(why.keys() - used):
        bad = FOUND
        said.append(f"OBSOLETE  {name} applies to nothing that is installed: remove its line")
    said.append(f"{len(vulnerabilities)} known, {len(used)} of them accepted in {ACCEPTED.name}")
    return said, bad


def main(pip_audit: str, *locks: str) -> int:
    """Audit lock files with a `pip-audit`; returns the exit code."""
    command = [pip_audit, "--strict", "--disable-pip", "--require-hashes", "--format", "json"]
    command += ["--vulnerability-service", "osv", "--progress-spinner", "off", "--desc", "off"]
    if url := os.environ.get(SERVICE_VARIABLE):
        command += ["--osv-url", url]
    command += [part for lock in locks for part in ("--requirement", lock)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout.strip():
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        print(
            f"nothing was audited: {last}\nThe service is OSV's; {SERVICE_VARIABLE} names a mirror",
            file=sys.stderr,
        )
        return TRY_LATER
    said, code = judge(found_in(done.stdout), accepted(ACCEPTED.read_text()))
    print("\n".join(said))
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
