"""Behaviour: loops over the store."""
