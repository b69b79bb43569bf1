"""Benchmarks of medloom: recipes, the gate, speed, faults. Not installed with the product."""
