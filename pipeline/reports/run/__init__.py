"""The report of a run: its facts and files (`write`) and the page (`render`)."""
