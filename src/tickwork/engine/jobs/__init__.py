"""The job controller: a log, and a map of timers derived from it."""
