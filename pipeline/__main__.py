"""`python -m pipeline` is `medloom`."""

from pipeline.base.children import settle

settle()  # before any other import: a shell's PYTHONPATH may hold modules of the same names

from pipeline.cli.main import main  # noqa: E402

main()
