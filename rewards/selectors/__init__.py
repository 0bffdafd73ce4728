"""Reads: scoped to the member, totally ordered."""
