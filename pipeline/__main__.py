"""`python -m pipeline` is `medloom`."""

from pipeline.cli import main

main()
