"""Phantoms of the abdomen: body, organs, tumours, contrast."""
