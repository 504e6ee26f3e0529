"""The common book of statements, by name."""
