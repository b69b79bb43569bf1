"""The commands of `medloom`: parse arguments, print tables or JSON; the logic is elsewhere."""
