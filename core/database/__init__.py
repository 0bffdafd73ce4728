"""Django's PostgreSQL backend, which asks for a connection's health without a round trip."""
