"""Copy files from folders, archives and URLs into the landing zone; none is overwritten.

Start with `feed.feed`; `rehearsal` is the dry run.
"""
