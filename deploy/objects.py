"""The deployment's bucket: make it, copy it to a folder, and copy it back."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import s3fs


def main() -> None:
    """Do what was asked; S3_BUCKET, S3_ACCESS_KEY, S3_SECRET_KEY and AWS_ENDPOINT_URL say where."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("create", help="make the bucket unless it exists")
    for name, words in (("save", "copy the bucket to a folder"), ("load", "copy it back")):
        commands.add_parser(name, help=words).add_argument("folder", type=Path)
    asked = parser.parse_args()
    bucket = os.environ["S3_BUCKET"]
    store = s3fs.S3FileSystem(key=os.environ["S3_ACCESS_KEY"], secret=os.environ["S3_SECRET_KEY"])
    if asked.command == "create":
        create(store, bucket)
    elif asked.command == "save":
        save(store, bucket, asked.folder)
    else:
        load(store, bucket, asked.folder)


def create(store: Any, bucket: str) -> None:
    """Make the bucket unless it exists."""
    if not store.exists(bucket):
        store.mkdir(bucket)
    print(f"the bucket {bucket} is there")


def save(store: Any, bucket: str, folder: Path) -> None:
    """Copy every object to a folder; one of the same size that is there already is kept.

    Objects of the DVC remote are named by their hash and MLflow's are never changed, so a second
    backup into the same folder copies what is new.
    """
    store.invalidate_cache()
    copied = 0
    for name, facts in sorted(store.find(bucket, detail=True).items()):
        file = folder / name.removeprefix(f"{bucket}/")
        if file.exists() and file.stat().st_size == facts["size"] and "/medloom/" not in name:
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        half = file.with_name(f".{file.name}.half")
        store.get_file(name, str(half))
        half.replace(file)
        copied += 1
    print(f"{copied} objects copied to {folder}")


def load(store: Any, bucket: str, folder: Path) -> None:
    """Copy every file of a folder to the bucket, which is made if it is missing."""
    if not folder.is_dir():
        sys.exit(f"medloom: {folder} is no folder")
    create(store, bucket)
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    for file in files:
        store.put_file(str(file), f"{bucket}/{file.relative_to(folder).as_posix()}")
    print(f"{len(files)} objects copied to {bucket}")


if __name__ == "__main__":
    main()
