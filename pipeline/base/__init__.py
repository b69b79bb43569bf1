"""What every package needs: settings, parameters, errors and exit codes, atomic writes.

It imports nothing of ours but `model.section`. Start with `Settings.load`, `load_section` and
`run_as_command`.
"""
