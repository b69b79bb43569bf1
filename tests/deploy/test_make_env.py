"""`make env`: secrets that are written once, and that nobody else can read."""

import base64
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.make_env import SECRETS, text
from pipeline.base.project import PROJECT_ROOT
from pipeline.data.names import Pseudonyms

SCRIPT = PROJECT_ROOT / "deploy" / "make_env.py"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "deploy").mkdir()
    return tmp_path


def make(root: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run it as `make env` does, by a Python that has nothing of medloom."""
    command = [sys.executable, "-I", str(SCRIPT), "--root", str(root), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_only_its_owner_can_read_what_is_written(root: Path) -> None:
    done = make(root)
    assert done.returncode == 0, done.stderr
    files = [root / ".env", *(root / "deploy" / "secrets").iterdir()]
    assert [file.name for file in files[:1]] == [".env"]
    assert {file.name for file in files[1:]} == {"patient.key", "app-cookie"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((root / "deploy" / "secrets").stat().st_mode) == 0o700
    assert (root / "landing" / "phantom").is_dir()
    for secret in read(root).values():
        assert secret not in done.stdout + done.stderr


def read(root: Path) -> dict[str, str]:
    lines = (root / ".env").read_text().splitlines()
    pairs = (line.split("=", 1) for line in lines if not line.startswith("#"))
    return {name: value for name, value in pairs if name in (*SECRETS, "AIRFLOW_FERNET_KEY")}


def test_every_secret_is_another_one(root: Path) -> None:
    make(root)
    found = read(root)
    assert set(found) == {*SECRETS, "AIRFLOW_FERNET_KEY"}
    assert len(set(found.values())) == len(found)
    assert all(len(secret) >= 32 for secret in found.values())
    assert len(base64.urlsafe_b64decode(found["AIRFLOW_FERNET_KEY"])) == 32
    assert set("".join(found[name] for name in SECRETS)) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    )


def test_nothing_is_written_twice(root: Path) -> None:
    make(root)
    before = {file: file.read_bytes() for file in root.rglob("*") if file.is_file()}
    again = make(root)
    assert again.returncode == 65
    assert ".env exists and is not overwritten" in again.stderr
    assert "docker compose down --volumes" in again.stderr
    assert {file: file.read_bytes() for file in root.rglob("*") if file.is_file()} == before


def test_the_patients_key_outlives_a_new_beginning(root: Path) -> None:
    make(root)
    key = root / "deploy" / "secrets" / "patient.key"
    before = Pseudonyms.load(key).key_id
    (root / ".env").unlink()
    assert make(root).returncode == 0
    assert Pseudonyms.load(key).key_id == before


def test_the_files_belong_to_the_user_of_the_containers(root: Path) -> None:
    make(root)
    lines = (root / ".env").read_text().splitlines()
    uid = int(next(line.split("=")[1] for line in lines if line.startswith("MEDLOOM_UID=")))
    assert uid != 0
    for place in ("deploy/secrets", "deploy/secrets/patient.key", "landing/phantom"):
        assert (root / place).stat().st_uid == uid
    assert (root / ".env").stat().st_uid == os.getuid()


def test_a_domain_switches_the_proxy_on() -> None:
    plain, proxied = text("", 1000), text("lab.example.org", 1000)
    assert "COMPOSE_PROFILES=s3\n" in plain
    assert "COMPOSE_PROFILES=s3,tls\n" in proxied
    assert "AIRFLOW_URL=https://airflow.lab.example.org\n" in proxied
