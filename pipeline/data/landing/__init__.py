"""The landing zone: its files, the lists beside them, and the index of their outcomes."""
