"""A classifier of real images, one class of which was thinned and filled up again."""
