"""Servers and senders that stand in for the outside world."""
