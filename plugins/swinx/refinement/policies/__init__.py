"""Fusion policies, filters of pseudo-labels, selection of cases."""
