"""A demonstration shop, made up by a seeded generator."""
