"""Is synthetic data worth anything for training? The same classifier with and without it."""
