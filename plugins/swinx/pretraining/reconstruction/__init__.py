"""Reconstruction of masked scans, as volumes and pictures."""
