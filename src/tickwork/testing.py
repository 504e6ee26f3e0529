"""For users' tests: a watch wound by hand, and time travel without sleeping."""
