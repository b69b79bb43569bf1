"""The landing zone: its files, the lists beside them, and the local index of what became of each."""
