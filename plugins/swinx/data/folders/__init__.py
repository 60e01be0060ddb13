"""Folders of scans and of label maps: cases, names, kinds of files."""
