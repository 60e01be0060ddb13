"""File formats: headers, voxels, checksums, declared sizes."""
