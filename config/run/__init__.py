"""`make run`: the whole system from one command, for trying it."""
