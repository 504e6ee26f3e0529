"""The user's own connection, lent for a verb: what is written lives and dies with the user's transaction.

One small class per kind of connection; :mod:`performing` holds what is the same for all of them.
"""
