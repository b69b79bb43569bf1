"""The report of a run: its pictures (`figures`), its facts (`facts`) and the page (`render`)."""
