"""Measuring medloom itself: what a recipe, a rival or a shortcut is worth, by one command."""
