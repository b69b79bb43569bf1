"""What an auditor asks: trace a version, find the uses of an image, verify the record.

It reads and changes nothing. Start with `trace.trace`, `uses.uses` and `verify.verify`.
"""
