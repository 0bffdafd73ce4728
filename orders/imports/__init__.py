"""Orders and returns from CSV files: read, staged in the database, then stored chunk by chunk.

Every chunk is one transaction that also moves the file's position, so a run that was stopped at any point
goes on where it was.
"""
