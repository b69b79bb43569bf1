"""Benchmarks of the readers: speed, and damaged files."""
