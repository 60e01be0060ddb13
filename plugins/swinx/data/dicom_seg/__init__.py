"""DICOM Segmentation objects: writing and checking."""
