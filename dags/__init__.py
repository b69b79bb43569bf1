"""The schedule: thin on purpose. Tasks are commands, and nothing heavy is imported here."""
