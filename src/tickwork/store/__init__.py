"""Rows: the only floor that knows SQL."""
