"""Executing docker-compose.yml where no image can be pulled.

The images are built from Debian's packages, the Python environment is mounted instead of
installed, and an override file names both. It changes images and mounts, and nothing else:
`same_services` says so. All the rest of docker-compose.yml and deploy/ is what a deployment runs.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.base.project import PROJECT_ROOT

PACKAGES = (
    "ca-certificates,caddy,curl,git,lighttpd,netcat-openbsd,openssl,postgresql,procps,python3,"
    "redis-server,wget"
)
BASE = "medloom-stand-in-base"
STORES = ("postgres", "redis", "s3", "proxy")
_FOLDER = Path(__file__).parent / "stand_ins"
_CONTEXT = ("deploy", "docker-compose.yml")
_INTO_MEDLOOM = """
USER 0
COPY deploy /opt/medloom/deploy
RUN ln -s /opt/medloom/.venv/lib/python3.11/site-packages/medloom/dags /opt/medloom/dags \\
 && mkdir /opt/medloom/.venv && chmod 755 /root
USER 50000:0
"""


@dataclass(frozen=True)
class Programs:
    """What the stand-ins need of this machine.

    Attributes:
        docker: the client, with the daemon's address.
        venv: an environment with the extra `server` and medloom's wheel, which may be moved.
        interpreter: folder of its Python.
        rclone: the program.
    """

    docker: Sequence[str]
    venv: Path
    interpreter: Path
    rclone: Path


def make_base(docker: Sequence[str], folder: Path) -> None:
    """Make the base image of Debian's packages, unless it is there; takes minutes."""
    if _run([*docker, "images", "--quiet", BASE]).strip():
        return
    tar = folder / "base.tar"
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", "bookworm"]
    _run([*command, str(tar)])
    _run([*docker, "import", str(tar), BASE])
    tar.unlink()


def build(docker: Sequence[str], folder: Path) -> None:
    """Build every image that the override names, from the base image."""
    targets = {"proxy": "caddy"}
    for name in STORES:
        _build(docker, _FOLDER, f"medloom-stand-in-{name}", "--target", targets.get(name, name))
    for stage in ("medloom", "ledger"):
        file = folder / f"Dockerfile.{stage}"
        file.write_text(
            "\n".join(stage_of(stage)) + (_INTO_MEDLOOM if stage == "medloom" else "\n")
        )
        image = f"medloom-stand-in-{stage}"
        _build(docker, PROJECT_ROOT, image, "--file", str(file))


def _build(docker: Sequence[str], context: Path, image: str, *options: str) -> None:
    command = [*docker, "build", "--quiet", "--network", "host", "--tag", image, *options]
    _run([*command, str(context)])


def stage_of(name: str) -> Iterator[str]:
    """The lines of a stage of deploy/Dockerfile, on the base image, without what `build` makes."""
    lines = (PROJECT_ROOT / "deploy" / "Dockerfile").read_text().splitlines()
    inside = False
    for line in lines:
        if line.startswith("FROM "):
            inside = line.endswith(f" AS {name}")
            if inside:
                yield f"FROM {BASE}"
        elif inside and not line.startswith("COPY --from="):
            yield line


def override(programs: Programs) -> str:
    """The text of an override file that names the stand-ins, and mounts what they lack."""
    compose = yaml.safe_load((PROJECT_ROOT / "docker-compose.yml").read_text())
    mounts = [
        f"{programs.venv}:/opt/medloom/.venv:ro",
        f"{programs.interpreter}:{programs.interpreter}:ro",
    ]
    services: dict[str, Any] = {}
    for name, service in compose["services"].items():
        target = service.get("build", {}).get("target")
        services[name] = {"image": f"medloom-stand-in-{target or name}"}
        if target == "medloom":
            services[name]["volumes"] = mounts
        elif name == "s3":
            services[name]["volumes"] = [f"{programs.rclone}:/usr/local/bin/rclone:ro"]
    return yaml.safe_dump({"services": services})


def same_services(compose: Sequence[str], folder: Path, environment: Mapping[str, str]) -> bool:
    """Whether an override changes images and mounts alone, as compose itself resolves both.

    Args:
        compose: the command, whose last option is the override file.
        folder: of docker-compose.yml.
        environment: of the command.
    """
    options = ["--profile", "*", "config", "--format", "json"]
    told_both = [
        json.loads(_run([*command, *options], folder, environment))
        for command in (compose[:-2], compose)
    ]
    for told in told_both:
        for service in told["services"].values():
            service.pop("image")
            service.pop("volumes", None)
    return bool(told_both[0] == told_both[1])


def _run(
    command: Sequence[str],
    folder: Path = PROJECT_ROOT,
    environment: Mapping[str, str] | None = None,
) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False,
        timeout=1200,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:6])} …: {(done.stdout + done.stderr)[-2000:]}")
    return done.stdout
