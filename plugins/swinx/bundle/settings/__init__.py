"""The table of settings: kinds, ranges, meanings, relations."""
