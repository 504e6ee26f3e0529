"""Ears sleep until there is something to hear, or somebody asks them to stop."""

from __future__ import annotations

import multiprocessing
import threading

import pytest

from tickwork import PutTask, Tickwork
from tickwork.store.ear import Halt
from tickwork.store.postgresql import ear as postgresql
from tickwork.store.sqlite import ear as sqlite

DEADLINE = 60


@pytest.fixture
def ear(database, monkeypatch):
    """An ear that does not wake up by itself within a test."""
    for module in (postgresql, sqlite):
        monkeypatch.setattr(module, "SLEEP_SECONDS", 3600.0)
    with Tickwork(database) as app:
        app.ear = app.store.dialect.ear()
        yield app


def listening(app, halt):
    """Let the ear listen in a thread; return it, and what is set with each hint."""
    heard = threading.Event()
    thread = threading.Thread(target=app.ear.listen, args=(lambda _: heard.set(), halt))
    thread.start()
    assert heard.wait(DEADLINE), "what was said before is heard at the start"
    heard.clear()
    return thread, heard


def test_an_ear_that_sleeps_is_woken_to_stop(ear):
    with Halt() as halt:
        thread, _ = listening(ear, halt)
        halt.ask()
        thread.join(DEADLINE)
        assert not thread.is_alive()


def test_who_asks_before_it_listens_is_obeyed(ear):
    halt = Halt()
    halt.ask()
    with halt:
        thread, _ = listening(ear, halt)
        thread.join(DEADLINE)
        assert not thread.is_alive()


def test_a_process_that_was_forked_off_stops_nobody(ear, database):
    with Halt() as halt:
        forked = multiprocessing.get_context("fork").Process(target=halt.ask)
        forked.start()
        forked.join(DEADLINE)
        assert forked.exitcode == 0
        thread, heard = listening(ear, halt)
        with Tickwork(database) as other:
            other.tasks.put(PutTask("work"), unchecked=True)
        assert heard.wait(DEADLINE)
        halt.ask()
        thread.join(DEADLINE)
        assert not thread.is_alive()
