"""The report on one data revision: its facts (`facts`), pictures (`gallery`) and page (`page`)."""
