"""How fast files are read, and what damaged ones do to the readers."""
