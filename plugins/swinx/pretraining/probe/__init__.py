"""Linear probes of frozen encoders."""
