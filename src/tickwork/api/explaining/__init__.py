"""Explanations: why a trigger, a task, a job or a piece of work does what it does, or does nothing."""
