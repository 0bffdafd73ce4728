"""Proves that no fault loses or doubles anything: `make faults`.

Clients send redeems, orders, returns, batches and adjustments over HTTP and an importer runs, while processes
are killed and paused and servers restarted at seeded random moments. What every client sent and was answered
is written down before and after each request; at the end that record is held against the database.
"""
