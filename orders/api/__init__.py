"""The REST side of orders."""
