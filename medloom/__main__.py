"""`medloom`, and `python -m medloom`: the command line, wherever medloom's tree lies."""

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent


def main() -> None:
    """Run the command line of the tree that this package came with.

    Installed, the tree lies in this very folder, and its packages go by `pipeline` and `model`
    inside medloom's own processes alone. In a checkout it is on the path already.
    """
    if (_HERE / "pipeline").is_dir():
        sys.path.insert(0, str(_HERE))
    from pipeline.cli.main import main as command_line

    command_line()


if __name__ == "__main__":
    main()
