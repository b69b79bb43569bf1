"""Everything by which an image that leaves medloom says that it is synthetic, and reading it back.

Each kind of mark has a module that writes and reads it: `png` text and sidecar, `dicom` attributes,
`zip_file` with its list, `credentials` (C2PA), `watermark`; `keys` has the project's keys. What a
mark says is always the same facts: model, version, weights, label, seed, index, and whatever else
the image depends on. It knows neither generators nor ingest; `registry` writes marks by `Marker`
and verifies images, and ingest refuses those that bear one. Start with `Marker` and `read_marks`.
"""
