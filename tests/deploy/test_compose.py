"""docker-compose.yml, read as YAML: what must hold of every service, whoever adds one."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.make_env import text
from pipeline.base.project import PROJECT_ROOT

FILE = PROJECT_ROOT / "docker-compose.yml"
SOURCE = FILE.read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(SOURCE)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONCE = [name for name, one in SERVICES.items() if one["restart"] == "no"]
KEPT_UP = sorted(set(SERVICES) - set(ONCE))
MADE_HERE = ("${MEDLOOM_IMAGE:-medloom:", "${LEDGER_IMAGE:-medloom-ledger:")
VARIABLE = re.compile(r"\$\{(\w+)(:?[-?][^}]*)?\}")

every_service = pytest.mark.parametrize("name", sorted(SERVICES))
every_server = pytest.mark.parametrize("name", KEPT_UP)


@every_service
def test_an_image_is_of_one_version_for_ever(name: str) -> None:
    image = SERVICES[name]["image"]
    if image.startswith(MADE_HERE):
        assert SERVICES[name]["build"]["target"] in ("medloom", "ledger")
    else:
        assert re.fullmatch(r"[\w./-]+:[\w.-]*\d+\.\d+[\w.-]*@sha256:[0-9a-f]{64}", image)


def test_the_images_made_here_have_this_version_and_a_pinned_base() -> None:
    version = re.search(r'^version = "(.+)"', (PROJECT_ROOT / "pyproject.toml").read_text(), re.M)
    assert version
    tags = set(re.findall(r"medloom(?:-ledger)?:(\d[\w.]*)\}", SOURCE))
    assert tags == {version[1]}
    dockerfile = (PROJECT_ROOT / "deploy" / "Dockerfile").read_text()
    assert re.search(
        r"^ARG PYTHON_IMAGE=python:3\.11\.\d+\S*@sha256:[0-9a-f]{64}$", dockerfile, re.M
    )
    assert set(re.findall(r"^FROM (\S+)", dockerfile, re.M)) == {"${PYTHON_IMAGE}"}


def test_no_secret_has_a_default() -> None:
    secret = re.compile(r"PASSWORD|SECRET|FERNET|ACCESS_KEY|TOKEN|JWT")
    named = [match for match in VARIABLE.finditer(SOURCE) if secret.search(match[1])]
    assert len({match[1] for match in named}) >= 19
    for match in named:
        assert (match[2] or "").startswith(":?"), f"{match[0]} has a default, or may be empty"


def test_what_is_required_is_what_make_env_writes() -> None:
    required = {match[1] for match in VARIABLE.finditer(SOURCE) if (match[2] or "")[:2] == ":?"}
    known = {match[1] for match in VARIABLE.finditer(SOURCE)} | {"COMPOSE_PROFILES"}
    for domain in ("", "lab.example.org"):
        written = {
            line.split("=")[0] for line in text(domain, 1000).splitlines() if line[:1] != "#"
        }
        assert required <= written
        assert written <= known


@every_service
def test_only_the_proxy_is_published_beyond_loopback(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert name == "proxy" or str(port).startswith("127.0.0.1:")


@pytest.mark.parametrize("name", ["postgres", "redis", "s3"])
def test_stores_are_reached_from_inside_alone(name: str) -> None:
    assert "ports" not in SERVICES[name]
    assert SERVICES[name]["networks"] == ["data"]
    assert COMPOSE["networks"]["data"] == {"internal": True}


@every_server
def test_a_server_tells_whether_it_is_healthy_and_comes_back(name: str) -> None:
    found = SERVICES[name]
    assert found["restart"] == "unless-stopped"
    assert found["healthcheck"]["test"]
    assert {"interval", "timeout", "retries", "start_period"} <= set(found["healthcheck"])


@every_service
def test_no_service_takes_the_whole_host(name: str) -> None:
    found = SERVICES[name]
    assert found["mem_limit"]
    assert found["logging"]["options"] == {"max-size": "20m", "max-file": "5"}
    assert "no-new-privileges:true" in found["security_opt"]


@every_service
def test_medloom_runs_as_a_user_without_rights(name: str) -> None:
    found = SERVICES[name]
    if found["image"].startswith(MADE_HERE):
        assert re.fullmatch(r"\$\{MEDLOOM_UID:\?.+\}:0", found["user"])
        assert found["cap_drop"] == ["ALL"]
        assert "cap_add" not in found
    assert "privileged" not in found


@every_service
def test_what_is_waited_for_says_when_it_is_ready(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        once = other in ONCE
        wanted = "service_completed_successfully" if once else "service_healthy"
        assert how["condition"] == wanted


@every_service
def test_no_command_line_shows_a_secret(name: str) -> None:
    found = SERVICES[name]
    for words in (found.get("command", []), found.get("entrypoint", [])):
        # $$ is of the shell inside; what stands here is filled in by compose and seen by `ps`.
        shown = VARIABLE.findall(re.sub(r"\$\$\{?\w+\}?", "", " ".join(words)))
        assert not [variable for variable, _ in shown if "PORT" not in variable]


def test_a_task_outlives_a_database_that_is_started_again() -> None:
    shared = COMPOSE["x-airflow-environment"]
    assert int(shared["AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS"]) >= 60
    assert float(shared["AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT"]) >= 30


def test_a_redelivered_task_is_none_that_still_runs() -> None:
    """Redis keeps its queue over a restart, and hands out no task twice while it trains."""
    shared = COMPOSE["x-airflow-environment"]
    hidden = shared["AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT"]
    match = VARIABLE.fullmatch(hidden)
    assert match
    assert int(match[2].removeprefix(":-")) >= 24 * 3600
    assert shared["AIRFLOW__CELERY__WORKER_PREFETCH_MULTIPLIER"] == "1"
    config = " ".join(SERVICES["redis"]["command"])
    for line in ("requirepass $$REDIS_PASSWORD", "appendonly yes"):
        assert line in config


def test_every_service_of_airflow_has_one_key_for_tokens() -> None:
    airflow = [one for one in SERVICES.values() if "airflow" in one.get("command", [])]
    assert len(airflow) == 6
    keys = {
        (env["AIRFLOW__API_AUTH__JWT_SECRET"], env["AIRFLOW__API_AUTH__JWT_ISSUER"],
         env["AIRFLOW__API__SECRET_KEY"])
        for env in map(_environment, airflow)
    }  # fmt: skip
    assert len(keys) == 1


def test_workers_do_not_know_the_database_of_airflow() -> None:
    for name in ("worker", "worker-landing", "worker-gpu"):
        held = _environment(SERVICES[name])
        assert "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" not in held
        assert "AIRFLOW__CORE__FERNET_KEY" not in held


def test_each_worker_has_a_state_of_its_own_and_one_sees_the_landing_zone() -> None:
    workers = {name: one for name, one in SERVICES.items() if "celery" in one.get("command", [])}
    states = [_mounted(one, "/state") for one in workers.values()]
    assert len(set(states)) == len(workers) == 3
    seeing = {name: mode for name, one in workers.items() if (mode := _mounted(one, "/landing"))}
    assert list(seeing) == ["worker-landing"]
    assert seeing["worker-landing"].endswith(":ro")
    assert workers["worker-gpu"]["profiles"] == ["gpu"]


def test_a_workers_end_waits_for_a_checkpoint() -> None:
    from pipeline.stages.checkpoint_sync import SECONDS

    for name in ("worker", "worker-landing", "worker-gpu"):
        minutes = re.fullmatch(r"(\d+)m", SERVICES[name]["stop_grace_period"])
        assert minutes
        assert int(minutes[1]) * 60 > SECONDS


@every_service
def test_what_is_mounted_is_there(name: str) -> None:
    made_later = ("./landing", "./deploy/certificates")
    for volume in SERVICES[name].get("volumes", []):
        source = VARIABLE.sub(lambda found: (found[2] or "").removeprefix(":-"), volume).split(":")[
            0
        ]
        if source.startswith("."):
            assert source in made_later or (PROJECT_ROOT / source).exists()
        else:
            assert source in COMPOSE["volumes"]


def test_nothing_of_a_project_or_a_key_enters_the_image() -> None:
    rules = (PROJECT_ROOT / ".dockerignore").read_text().splitlines()
    taken = {rule[1:] for rule in rules if rule.startswith("!")}
    assert "*" in rules
    assert not taken & {"state", "landing", ".env", ".git"}
    assert "deploy/secrets" in rules
    wheel = re.search(
        r"force-include\]\n(.+?)\n\n", (PROJECT_ROOT / "pyproject.toml").read_text(), re.S
    )
    assert wheel
    needed = {line.split(" = ")[0].strip('"').split("/")[0] for line in wheel[1].splitlines()}
    assert needed <= taken


def test_what_is_kept_out_of_git() -> None:
    ignored = (PROJECT_ROOT / ".gitignore").read_text().splitlines()
    assert {"/.env", "/deploy/secrets/"} <= set(ignored)


def test_the_locks_of_image_and_checkout_agree() -> None:
    ours, theirs = _pins("requirements.lock"), _pins("deploy/requirements.lock")
    shared = set(ours) & set(theirs)
    assert len(shared) > 200
    assert {name: ours[name] for name in shared} == {name: theirs[name] for name in shared}
    assert ours["torch"] == _pins("deploy/torch-cpu.lock")["torch"].removesuffix("+cpu")
    build = _pins("deploy/build.lock")
    assert {"hatchling", "cyclonedx-bom"} <= set(build)
    assert all(version == ours.get(name, version) for name, version in build.items())
    assert "boto3" in theirs  # else MLflow can keep no file on S3
    for name in ("pytest", "mypy", "playwright", "moto"):
        assert name not in theirs


def _environment(service: dict[str, Any]) -> dict[str, Any]:
    return dict(service["environment"])


def _mounted(service: dict[str, Any], place: str) -> str:
    return next((one for one in service["volumes"] if re.search(rf":{place}(:|$)", one)), "")


def _pins(file: str) -> dict[str, str]:
    found = re.findall(
        r"^([a-z0-9._-]+)(?:\[[\w,-]+\])?==([^\s;\\]+)", Path(PROJECT_ROOT / file).read_text(), re.M
    )
    return dict(found)
