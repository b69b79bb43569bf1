"""The project, parameters, errors with exit codes, atomic writes: used by every package.

It imports nothing of medloom except `model.section`. Start with `Project.load`, `load_section` and
`run_as_command`.
"""
