"""The admin's pages of notifications."""
