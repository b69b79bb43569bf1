"""The pipeline: versioned images in, registered and judged generators out.

Packages lie in layers, from `base` to `cli`; a package imports those below it alone. pyproject.toml
names the order and import-linter holds it. docs/architecture.md tells what each is for.
"""
