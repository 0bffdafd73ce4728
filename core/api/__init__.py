"""The REST conventions that every app's endpoints share."""
