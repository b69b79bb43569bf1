"""`python -m pipeline` is `medloom`."""

from pipeline.cli.main import main

main()
