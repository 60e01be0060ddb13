"""DICOM series of a volume."""

from __future__ import annotations

import numpy as np
import SimpleITK


def write_series(image, folder, skip=(), uid="1.2.826.0.1.3680043.2.1125.1", **tags):
    """Write a DICOM series slice by slice, with the tags that place each slice in the patient."""
    folder.mkdir(exist_ok=True)
    writer = SimpleITK.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    direction = np.reshape(image.GetDirection(), (3, 3))
    for index in range(image.GetDepth()):
        if index in skip:
            continue
        part = image[:, :, index]
        values = {
            "0008|0008": "ORIGINAL\\PRIMARY\\AXIAL",
            "0008|0060": "CT",
            "0020|000e": uid,
            "0008|0018": f"{uid}.{index + 1}",
            "0020|0032": "\\".join(f"{value:.6f}" for value in image.TransformIndexToPhysicalPoint((0, 0, index))),
            "0020|0037": "\\".join(f"{value:.9f}" for value in (*direction[:, 0], *direction[:, 1])),
            "0020|0013": str(index),
            **tags,
        }
        for tag, value in values.items():
            part.SetMetaData(tag, value)
        # names against the stack order: the order must come from the positions
        writer.SetFileName(str(folder / f"{uid[-1]}_{99 - index:03d}.dcm"))
        writer.Execute(part)
    return folder
