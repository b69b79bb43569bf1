"""The command line: `medloom` and `python -m medloom`, installed or in a checkout."""

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent


def main() -> None:
    """Run the command line.

    If installed, `pipeline` and `model` are in this folder, which is added to the path of this
    process. In a checkout they are on the path already.
    """
    if (_HERE / "pipeline").is_dir():
        sys.path.insert(0, str(_HERE))
    from pipeline.cli.main import main as command_line

    command_line()


if __name__ == "__main__":
    main()
