"""What an auditor asks: where a version comes from, and what became of an image."""
