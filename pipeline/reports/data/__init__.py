"""The page about one data revision: its facts (`facts`), pictures and drawing (`page`)."""
