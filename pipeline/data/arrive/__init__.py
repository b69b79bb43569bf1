"""Bringing files from folders, archives and URLs into the landing zone, none over another.

Start with `feed.feed`; `rehearsal` says what an ingest would do.
"""
