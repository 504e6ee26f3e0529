"""The demonstration: half a minute in which an application, a daemon and two workers share one SQLite file.

``shop`` plays the application, which writes triggers, moves and cancels them, each in its own transaction together with
its own row. ``crew`` runs the trigger daemon and the workers as real processes and kills them with SIGKILL. ``account``
reads by SQL, from the ledger and the archive, what became of every order. ``show`` puts the parts on stage.
"""
