"""``swinx data``: data sets and their data lists, made and checked."""

from __future__ import annotations

from pathlib import Path

from swinx.cli.front.cohort_commands import CohortCommands
from swinx.cli.front.terminal import check_paths, complain, data_list_of, label_set_given, say
from swinx.errors import DataListError
from swinx.files import read_json

__all__ = ["DataCommands"]


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
        check_paths(dataset_dir, out, annotated)

        from swinx.data import flare_data_list

        target = Path(out) if out is not None else Path(dataset_dir) / "datalist.json"
        if target.exists() and not overwrite:
            raise DataListError(f"{target} is there already; give --overwrite to replace it, or another --out")
        path = flare_data_list(dataset_dir, out=target, annotated=annotated, workers=workers)
        say(path)
        left_out = read_json(path).get("left_out", [])
        for case in left_out:
            complain(f"left out: {case}")
        if left_out:
            raise SystemExit(1)

    def list(
        self,
        folder: str,
        image: str | None = None,
        label: str | None = None,
        labels: str | None = None,
        out: str | None = None,
        roots: str = "",
        patient: str | None = None,
        annotated: str | None = None,
        label_map: str | None = None,
        source: str | None = None,
        validation: float = 0.2,
        folds: int = 0,
        seed: int = 0,
        workers: int = 2,
        overwrite: bool = False,
    ) -> None:
        """Write the data list of a collection in any layout, without copying a file.

        Args:
            folder: Data of nnU-Net, the Decathlon, TotalSegmentator or FLARE, or any other with patterns.
            image: Pattern of the scans in it, such as "**/{case}/ct.nii.gz".
            label: Pattern of the labels: files, or folders with a mask for each class.
            labels: Label set: a name, a file, or inline JSON; by default that of the collection.
            out: The data list to write; by default datalist.json in the folder.
            roots: Further folders in which files lie, with commas between.
            patient: Regular expression that finds the patient in the name of a case; patients are not split.
            annotated: CSV or JSON manifest of the annotated classes, or "inferred" from presence.
            label_map: Numbers of label files to classes, or a map for each source: JSON, or a file of it.
            source: Regular expression that finds the source in the path of a scan.
            validation: Part of the patients to hold out where the collection names no validation cases.
            folds: Write a list for each fold of a cross-validation, datalist_fold0.json and so on.
            seed: Of the split.
            workers: Processes that read label files.
            overwrite: Replace a data list that is there already.
        """
        check_paths(folder, out, image, label, annotated)
        from swinx.cli.list_command import write_lists

        options = {"image": image, "label": label, "patient": patient, "annotated": annotated, "workers": workers}
        options |= {"label_map": label_map, "source": source}
        split = {"validation": validation, "folds": folds, "seed": seed}
        write_lists(folder, out, labels, roots, overwrite, **options, **split)

    def annotated(
        self, source: str, section: str = "training", manifest: str | None = None, labels: str | None = None
    ) -> None:
        """Print the annotated classes of each case, and the source of this information.

        The exit code is 1 if an entry of the list cannot be used.

        Args:
            source: A data list, or a folder with a datalist.json.
            section: Section of the list.
            manifest: CSV or JSON manifest that outranks the list, or "inferred" from presence.
            labels: Label set: a name, a file, or inline JSON; by default that of the list.
        """
        check_paths(source, manifest)
        from swinx.data import annotated_table, list_label_set, load_cases
        from swinx.refinement import load_refinement_cases

        place = data_list_of(source)
        label_set = label_set_given(labels) or list_label_set(place)
        items = (
            load_cases(place, section, label_set=label_set)
            if manifest is None
            else load_refinement_cases(place, [section], annotated=manifest, label_set=label_set)
        )
        say(annotated_table(items, label_set))
        faults = [item["fault"] for item in items if "fault" in item]
        for fault in faults:
            complain(f"not usable: {fault}")
        if faults:
            raise SystemExit(1)

    def refined(self, truth: str, before: str, after: str, out: str | None = None, labels: str | None = None) -> None:
        """Print the Dice of partial and of refined labels against a complete truth that was kept from both.

        Args:
            truth: Folder of complete label maps.
            before: Data list of the partial labels, or a folder with a datalist.json.
            after: Data list that the refinement left, or its folder.
            out: A CSV file to write, one row per case and class.
            labels: Label set: a name, a file, or inline JSON; by default that of the refined list.
        """
        check_paths(truth, before, after, out)
        from swinx.refinement import refinement_gain

        places = truth, data_list_of(before), data_list_of(after)
        say(refinement_gain(*places, out, label_set=label_set_given(labels)).text)

    def check(
        self,
        source: str,
        out: str | None = None,
        workers: int = 2,
        labels: str | None = None,
        intensity: str = "hu_window",
    ) -> None:
        """Find every unusable case of a folder or data list; the exit code is 1 if there is one.

        Args:
            source: A folder, a scan, or a data list.
            out: Folder for the report as JSON and CSV.
            workers: Processes that read cases.
            labels: Label set: a name, a file, or inline JSON; by default that of the list.
            intensity: As in the training that is to come: hu_window for CT; percentiles or zscore for MR and others.
        """
        check_paths(source, out)
        from swinx.data import check_data, format_report

        classes, is_hu = label_set_given(labels), intensity == "hu_window"
        report = check_data(source, out_dir=out, workers=workers, label_set=classes, hu=is_hu)
        say(format_report(report))
        if not report.ok:
            raise SystemExit(1)

    def plan(
        self,
        source: str,
        out: str = "settings.json",
        labels: str | None = None,
        gpu_gb: float | None = None,
        sample: int = 50,
        seed: int = 0,
    ) -> None:
        """Write settings for a training on a collection, as an overlay, and print them with the reason for each.

        Args:
            source: A data list, or a folder with a datalist.json.
            out: The overlay to write; the reasons are written beside it.
            labels: Label set: a name, a file, or inline JSON; by default that of the data list.
            gpu_gb: Memory of the GPU that will train, in GiB; 0 for none. By default that of this machine.
            sample: Most cases whose voxels are read.
            seed: Of the sample.
        """
        check_paths(source, out)
        from swinx.cli.plan_command import plan_settings

        plan_settings(data_list_of(source), Path(out), labels, gpu_gb, sample, seed)

    def pipeline(
        self,
        source: str,
        out: str,
        section: str = "validation",
        skip: str = "",
        teacher: str | None = None,
        seed: int = 0,
        work: str | None = None,
        pretrain_args: str = "",
        teacher_args: str = "",
        refine_args: str = "",
        train_args: str = "",
        evaluate_args: str = "",
        labels: str | None = None,
    ) -> None:
        """Write the data list for make pipeline and check that its steps can run; the exit code is 1 if one cannot.

        Args:
            source: A data list, or a folder with a datalist.json.
            out: The list to write; it has validation cases, by a seeded split where the source has none.
            section: Section to segment and score.
            skip: Steps that are left out, with blanks between.
            teacher: Folder of a trained nnU-Net.
            seed: Of the split.
            work: Folder of the results of earlier steps.
            pretrain_args: Settings of a step, as they will stand on its command line; the others likewise.
            teacher_args: See ``pretrain_args``.
            refine_args: See ``pretrain_args``.
            train_args: See ``pretrain_args``.
            evaluate_args: See ``pretrain_args``.
            labels: Label set: a name, a file, or inline JSON; by default that of the list.
        """
        check_paths(source, out, teacher, work)
        from swinx.cli.pipeline_plan import plan_pipeline

        arguments = {
            "pretrain": pretrain_args,
            "teacher": teacher_args,
            "refine": refine_args,
            "train": train_args,
            "evaluate": evaluate_args,
        }
        plan = (data_list_of(source), out, section, skip.split(), teacher or None, seed)
        notes, faults = plan_pipeline(*plan, work_dir=work, arguments=arguments, label_set=label_set_given(labels))
        say("\n".join(notes))
        for fault in faults:
            complain(f"error: {fault}")
        if faults:
            raise SystemExit(1)

    verdict = CohortCommands.verdict
    synthetic = CohortCommands.synthetic
    example = CohortCommands.example
    demo = CohortCommands.demo
