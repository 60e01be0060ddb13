"""``swinx dicom``: files for programs that speak DICOM."""

from __future__ import annotations

from swinx.cli.front.terminal import check_paths, complain, label_set_given, say

__all__ = ["DicomCommands"]


class DicomCommands:
    """Files for programs that speak DICOM."""

    def seg(
        self,
        series: str,
        labels: str,
        out: str,
        series_uid: str | None = None,
        seg_type: str = "BINARY",
        algorithm: str | None = None,
        version: str | None = None,
        drawn: str = "AUTOMATIC",
        label_set: str | None = None,
    ) -> None:
        """Write a label map as a DICOM Segmentation of the CT series it was made from.

        Args:
            series: Folder of the series, or one of its slices.
            labels: The label map, with the voxels of the series; mirrored or exchanged axes do not matter.
            out: The file to write.
            series_uid: Which series, where the folder has several.
            seg_type: "BINARY", which all viewers read, or "LABELMAP".
            algorithm: Name of the model, as it shall stand in each segment.
            version: Its version.
            drawn: "AUTOMATIC", "SEMIAUTOMATIC" or "MANUAL".
            label_set: Label set: a name, a file, or inline JSON; by default that of a datalist.json, or of the
                record, beside the label map.
        """
        check_paths(series, labels, out)
        from swinx.data import SegAlgorithm, read_label, write_dicom_seg
        from swinx.scoring import classes_of_predictions, label_set_beside

        own = SegAlgorithm()
        drawn_by = SegAlgorithm(
            own.name if algorithm is None else str(algorithm),
            own.version if version is None else str(version),
            drawn,  # type: ignore[arg-type] # checked there
        )
        named = label_set_given(label_set) or label_set_beside(labels)
        chosen = classes_of_predictions(labels, named, option="--label_set")
        volume = read_label(labels, chosen, allow_unknown=False)
        written = write_dicom_seg(out, volume.array, volume.affine, series, series_uid, seg_type, drawn_by, chosen)  # type: ignore[arg-type] # checked there
        say(f"{written.path}: {', '.join(written.segments)}")
        for note in (*volume.notes, *written.notes):
            complain(note)
        if written.left_out:
            complain(f"without a voxel, and so without a segment: {', '.join(written.left_out)}")
