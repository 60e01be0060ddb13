"""DICOM series and structure sets: choosing, ordering, checking, reading."""
