"""Enlargers trained on a folder of images and scored beside bicubic on its held-out groups."""
