"""Users, signing in and access tokens."""
