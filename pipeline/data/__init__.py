"""Images: from the landing zone to versioned revisions, and what people decide about them.

An image moves through `landing`, `reading` (by `formats`) and `ingest` into a revision; `arrive`
copies files into the landing zone, `revise` changes earlier revisions. The modules here, such as
`manifest` and `processed`, define the formats that other packages read. It imports `ledger` and
below.
"""
