"""Web frameworks and ORMs that users already have."""
