"""Sliding windows: tiling, accumulation of logits, memory and time."""
