"""The examples about generators are run, and say what they promise; with real models of SQLAlchemy and Django; here on PostgreSQL too."""

import re

import pytest

from tests.support.processes import run
from tests.support.shared import REPOSITORY


@pytest.mark.long
@pytest.mark.stores("postgresql-18")
@pytest.mark.parametrize("name", ["webhooks", "build_timeouts", "watchlist", "coverage", "collection", "django_models"])
def test_an_example(name, database_url):
    file = REPOSITORY / "examples" / f"{name}.py"
    promised = re.search(r"\$ python examples/\w+\.py\n(.*?)\"\"\"", file.read_text(), re.DOTALL)
    lines = [line.strip() for line in promised[1].splitlines() if line.strip()]
    code, said = run(str(file), database_url)
    assert (code, said.splitlines()) == (0, lines)
