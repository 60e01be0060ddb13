"""Commands about results: scores, pictures, reports, origins."""

from __future__ import annotations

import os

from swinx.cli.front.terminal import check_paths, complain, label_map_given, label_set_given, say

__all__ = ["lineage", "overlays", "report", "score"]


def score(
    reference: str,
    prediction: str,
    out: str,
    protocol: str = "auto",
    datalist: str | None = None,
    labels: str | None = None,
    reference_map: str | None = None,
    prediction_map: str | None = None,
) -> None:
    """Score predicted label maps; the exit code is 1 if a case could not be scored.

    Args:
        reference: Folder of reference label maps, or one file.
        prediction: Folder of predicted label maps, or one file.
        out: Folder for scores.csv, summary.md and summary.json.
        protocol: "flare23", the organisers' rule, or "standard", without its quirks; by default the first for data
            named FLARE23 alone, with its classes.
        datalist: Data list that says what was annotated in each reference, and of which patient it is; by default the
            datalist.json beside the references.
        labels: Label set: a name, a file, or inline JSON; by default that of the data list, or of the record beside the
            predictions.
        reference_map: Numbers in the references to names or numbers of classes, inline or in a JSON file, or the label
            set whose numbers they have; by default that of the data list.
        prediction_map: The same of the predictions.
    """
    check_paths(reference, prediction, out, datalist)
    from swinx.scoring import score_folders

    result = score_folders(
        reference,
        prediction,
        out,
        protocol=protocol,
        data_list=datalist,
        label_set=label_set_given(labels),
        reference_map=label_map_given(reference_map, "--reference_map"),
        prediction_map=label_map_given(prediction_map, "--prediction_map"),
    )
    say(result.text)
    if not result.ok:
        raise SystemExit(1)


def overlays(images: str, prediction: str, out: str, reference: str | None = None, labels: str | None = None) -> None:
    """Draw axial, coronal and sagittal slices with reference and prediction side by side.

    Args:
        images: Folder of scans, or one file.
        prediction: Folder of predicted label maps, or one file.
        out: Folder for one PNG per case.
        reference: Folder of reference label maps, or one file.
        labels: Label set: a name, a file, or inline JSON; by default that of the data list in images, or beside it or
            the label maps, or of the record beside the predictions.
    """
    check_paths(images, prediction, out, reference)
    from swinx.report import write_overlays

    result = write_overlays(images, reference, prediction, out, label_set=label_set_given(labels))
    say("\n".join(str(path) for path in result.paths))
    for error in result.bad_cases:
        complain(f"not drawn: {error}")
    if not result.ok:
        raise SystemExit(1)


def report(
    scores: str,
    out: str = "report.html",
    images: str | None = None,
    section: str = "validation",
    reference: str | None = None,
    prediction: str | None = None,
    training: str | None = None,
    pretraining: str | None = None,
    refinement: str | None = None,
    model: str | None = None,
    cases: int = 5,
    max_slices: int = 40,
    title: str = "swinx report",
    labels: str | None = None,
) -> None:
    """Write one HTML page for an evaluation or a whole pipeline; the exit code is 1 if a part could not be shown.

    Args:
        scores: Folder with scores.csv.
        out: The page.
        images: Folder or data list of the scans; with prediction, the best and worst cases are shown.
        section: Section of the data list, where images is one.
        reference: Folder of reference label maps; by default the labels of the data list.
        prediction: Folder of predicted label maps.
        training: Output folder of a training.
        pretraining: Output folder of a pretraining.
        refinement: Output folder of a refinement.
        model: Checkpoint whose origins are shown.
        cases: How many of the best, and of the worst, the viewer has.
        max_slices: Axial slices of each, for browsers that cannot show volumes.
        title: Headline.
        labels: Label set: a name, a file, or inline JSON; by default that of the scores.
    """
    check_paths(scores, out, images, reference, prediction, training, pretraining, refinement, model)
    from swinx.report import write_report

    faults = write_report(
        scores,
        out,
        images=images,
        section=section,
        reference=reference,
        prediction=prediction,
        training=training,
        pretraining=pretraining,
        refinement=refinement,
        model=model,
        cases=cases,
        max_slices=max_slices,
        title=str(title),
        label_set=label_set_given(labels),
    )
    say(out)
    for fault in faults:
        complain(f"not shown: {fault}")
    if faults:
        raise SystemExit(1)


def lineage(run: str, tracking_uri: str | None = None) -> None:
    """Print which runs and files a model, a data list or a run came from.

    Args:
        run: A checkpoint, a data list, an nnU-Net model folder, or the id or the name of a run in MLflow.
        tracking_uri: Where runs are looked up; by default MLFLOW_TRACKING_URI, or mlflow.db in this folder.
    """
    check_paths(tracking_uri)
    from swinx.tracking import lineage_tree, sqlite_uri

    place = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or sqlite_uri("mlflow.db")
    say(lineage_tree(str(run), place))
