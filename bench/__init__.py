"""Benchmarks: ours beside a yardstick, in turns, in the same run.

`python -m bench` runs all of them, `python -m bench --only NAME` one. Each has servers of its own, with every
commit on disk before it is answered, and leaves its numbers in `bench/results/`.
"""
