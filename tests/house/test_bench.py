"""The bench itself: a fresh database for every test, on every store."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.support.stores import Bench


@pytest.mark.parametrize("turn", ["first", "second"])
def test_a_database_is_fresh_for_each_test(database_url: str, turn: str) -> None:
    if database_url.startswith("sqlite"):
        with sqlite3.connect(urlsplit(database_url).path) as connection:
            connection.execute("create table mine (turn text)")
        connection.close()
    else:
        with psycopg.connect(database_url) as pg:
            pg.execute("create table mine (turn text)")


def test_two_databases_of_one_test_are_two(bench: Bench, tmp_path: Path) -> None:
    assert bench.fresh() != bench.fresh()


@pytest.mark.stores("postgresql")
def test_the_server_is_the_one_in_the_test_id(database_url: str, store_name: str) -> None:
    with psycopg.connect(database_url) as connection:
        version = str(connection.info.server_version // 10_000)
    assert store_name in {f"postgresql-{version}", "postgresql-given", "postgresql-18-system"}
