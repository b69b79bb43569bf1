"""The command line: `medloom` and `python -m medloom`, installed or in a checkout."""

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent


def main() -> None:
    """Run the command line.

    `pipeline` and `model` are in this folder if installed, and beside it in a checkout. That folder
    comes first on the path of this process: PYTHONPATH may hold others of these names.
    """
    installed = (_HERE / "pipeline").is_dir()
    sys.path.insert(0, str(_HERE if installed else _HERE.parent))
    from pipeline.base.children import settle

    settle()
    from pipeline.cli.main import main as command_line

    command_line()


if __name__ == "__main__":
    main()
