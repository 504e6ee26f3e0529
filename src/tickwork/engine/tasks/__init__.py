"""Workers: claim, run and settle tasks."""
