"""Commands that write parts of the documents; `make docs` runs them, and a test fails where they have not been run."""
