"""Read what lies beside images: findings in pixels of the image, or why they cannot be used.

`read_beside` reads what belongs to one file, in a reader's process. `with_lists` reads, once, the
lists that hold for many.
"""
