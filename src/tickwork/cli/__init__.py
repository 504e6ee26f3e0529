"""The command `tickwork`."""
