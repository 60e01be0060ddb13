"""Data lists of collections in any layout: known layouts, patterns of paths, splits by patient."""
