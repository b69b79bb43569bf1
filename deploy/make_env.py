"""Write the secrets of a deployment once: `.env`, and the key files below deploy/secrets.

`make env` calls it; it needs Python alone. Nothing that exists is overwritten: a database does not
learn of a new password, and a patient key that is lost takes the names of all patients with it.
"""

import argparse
import base64
import os
import secrets
import sys
import tempfile
from pathlib import Path

PROJECT = "phantom"
SECRETS = (
    "POSTGRES_PASSWORD",
    "AIRFLOW_DB_PASSWORD",
    "CELERY_DB_PASSWORD",
    "MLFLOW_DB_PASSWORD",
    "REDIS_PASSWORD",
    "AIRFLOW_JWT_SECRET",
    "AIRFLOW_SECRET_KEY",
    "AIRFLOW_ADMIN_PASSWORD",
    "MLFLOW_SECRET_KEY",
    "MLFLOW_ADMIN_PASSWORD",
    "MLFLOW_PIPELINE_PASSWORD",
    "MLFLOW_AUDITOR_PASSWORD",
    "LEDGER_PASSWORD",
    "LEDGER_AUDITOR_PASSWORD",
    "S3_ACCESS_KEY",
    "S3_SECRET_KEY",
    "S3_AUDITOR_ACCESS_KEY",
    "S3_AUDITOR_SECRET_KEY",
)
"""Random texts that are safe in URLs. The Fernet key has a form of its own."""
_IMAGE_USER = 50000
_BAD_INPUT = 65


def text(domain: str, uid: int) -> str:
    """The content of `.env`, with fresh secrets.

    Args:
        domain: below which the TLS proxy serves airflow., mlflow., ledger. and app.; "": no proxy.
        uid: the user of the containers, who owns the key files.
    """
    fernet = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    lines = [
        "# The secrets and settings of this deployment, written once by `make env`. Keep a copy of",
        "# it and of deploy/secrets elsewhere. docker-compose.yml says what else may be set here.",
        f"MEDLOOM_UID={uid}",
        f"COMPOSE_PROFILES={'s3,tls' if domain else 's3'}",
    ]
    if domain:
        lines += [
            f"MEDLOOM_DOMAIN={domain}",
            "MEDLOOM_TLS=internal",
            f"AIRFLOW_URL=https://airflow.{domain}",
            f"MEDLOOM_APP_URL=https://app.{domain}",
        ]
    lines += [f"{name}={secrets.token_urlsafe(24)}" for name in SECRETS]
    return "\n".join([*lines, f"AIRFLOW_FERNET_KEY={fernet}"]) + "\n"


def write(root: Path, domain: str) -> list[Path]:
    """Write what is missing; returns the files that were written.

    Raises:
        FileExistsError: there is a `.env`; nothing was written.
    """
    env = root / ".env"
    if env.exists():
        raise FileExistsError(
            f"{env} exists and is not overwritten: the databases know its passwords. To begin "
            "anew, remove it and the volumes with `docker compose down --volumes`"
        )
    # Containers do not run as root; root gives the files to the image's user instead.
    uid = os.getuid() or _IMAGE_USER
    keys = root / "deploy" / "secrets"
    landing = root / "landing" / PROJECT
    for folder in (keys, landing):
        folder.mkdir(parents=True, exist_ok=True)
    keys.chmod(0o700)
    contents = {
        keys / "patient.key": secrets.token_hex(32) + "\n",
        keys / "app-cookie": secrets.token_urlsafe(48) + "\n",
        env: text(domain, uid),
    }
    written = [file for file, content in contents.items() if _write_once(file, content)]
    if os.getuid() == 0:
        for place in (keys, *keys.iterdir(), landing.parent, landing):
            os.chown(place, uid, -1)
    return written


def _write_once(file: Path, content: str) -> bool:
    """Write a file that this user alone can read, unless it exists; whole or not at all."""
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    try:
        with os.fdopen(handle, "w") as stream:
            stream.write(content)
        os.link(temporary, file)
    except FileExistsError:
        return False
    finally:
        Path(temporary).unlink()
    return True


def main() -> None:
    """Write the files into the checkout, and say what was written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--domain", default="", help="of the TLS proxy, such as lab.example.org")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1])
    asked = parser.parse_args()
    try:
        written = write(asked.root, asked.domain)
    except FileExistsError as error:
        print(f"medloom: {error}", file=sys.stderr)
        sys.exit(_BAD_INPUT)
    for file in written:
        print(f"wrote {file}")
    print("keep a copy of them elsewhere; next: docker compose up -d --wait")


if __name__ == "__main__":
    main()
