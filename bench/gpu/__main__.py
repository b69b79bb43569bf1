"""`python -m bench.gpu`: as `medloom bench gpu`, where medloom's other packages are missing."""

import argparse
import sys
from pathlib import Path

from pipeline.base.errors import run_as_command


def main() -> None:
    """Measure, print, and write the record; exit with 1 if the device computes other things."""
    from bench.gpu.measure import as_text, measure

    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--minutes", type=float, default=9.0, help="of all")
    parser.add_argument("--batch", type=int, default=8, help="of the training")
    parser.add_argument("--data", type=Path, help="arrays of annotated images; else made ones")
    parser.add_argument("-o", "--out", type=Path, default=Path("state/bench/gpu"))
    given = parser.parse_args()
    found = measure(given.device, given.minutes, given.out, data=given.data, batch=given.batch)
    print(as_text(found))
    if not found.fine:
        sys.exit(1)


if __name__ == "__main__":
    run_as_command(main)
