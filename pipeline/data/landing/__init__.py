"""The landing zone: its files, the lists beside them, and the index of what became of each."""
