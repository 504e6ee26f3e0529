"""``python -m tickwork`` is the command ``tickwork``, for where the script is not on the path."""

from tickwork.cli.main import main

if __name__ == "__main__":
    main()
