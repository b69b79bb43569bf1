"""Audit: trace a version, find the uses of an image, verify the record.

It only reads. Start with `trace.trace`, `uses.find_uses` and `verify.verify`.
"""
