"""The test bench: stores, child processes, shared material. Fixtures come in through tests/conftest.py."""
