"""Everything by which an image that leaves medloom says that it is synthetic, and reading it back.

Each kind of mark has a module that writes and reads it, from pixels and facts to bytes and back:
`png` text and sidecar, `dicom` attributes, `zip_file` with its list. What a mark says is always the
same facts: model, version, weights, label, seed, index, and whatever else the image depends on. It
knows neither generators nor ingest; `registry` writes marks, and ingest refuses what bears one.
"""
