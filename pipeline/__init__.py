"""The pipeline: versioned data in, stages between, registered generators out."""
