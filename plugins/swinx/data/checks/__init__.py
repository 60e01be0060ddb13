"""Check of a collection: every case read, its facts, the report."""
