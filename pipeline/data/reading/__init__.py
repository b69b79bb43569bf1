"""Decode and check the images of the landing zone, in separate processes."""
