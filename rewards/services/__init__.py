"""Writes: one function a use case, one atomic block each."""
