"""Generators: work that is worked out when a worker asks."""
