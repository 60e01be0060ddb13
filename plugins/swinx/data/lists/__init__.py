"""Data lists: sections, entries, annotated classes, splits."""
