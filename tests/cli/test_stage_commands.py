"""Stages as commands: the line of MONAI that they print and run, their settings, and what they refuse."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.bundles import ROOT, SMALL, arguments
from support.bundles import run as run_program
from support.segmentation import some_weights, write_scan
from swinx import cli
from swinx.bundle import SETTINGS
from swinx.cli import main
from swinx.cli.front import stage_commands
from swinx.cli.front.stage_commands import EVALUATE, PRETRAIN, REFINE, TRAIN, StageCommand
from swinx.cli.front.stage_help import default_text

STAGES = [PRETRAIN, REFINE, TRAIN, EVALUATE]


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command without running MONAI; return exit code, printed line, complaint, and the line to run."""
    lines: list[list[str]] = []

    def call(*words: object, code: int = 0) -> tuple[int, str, str, list[str]]:
        monkeypatch.setattr(stage_commands, "_run_to_its_end", lambda line: lines.append(line) or code)
        monkeypatch.setattr(sys, "argv", ["swinx", *map(str, words)])
        ended = 0
        try:
            main()
        except SystemExit as end:
            ended = int(end.code or 0)
        said = capsys.readouterr()
        return ended, said.out, said.err, lines[-1] if lines else []

    return call


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_the_printed_line_is_what_is_run_with_files_that_exist(run, stage: StageCommand, tmp_path):
    code, out, err, line = run(stage.name, tmp_path, "--output-dir", "out dir", code=3)
    assert (code, err) == (3, "")
    assert shlex.split(out) == ["python", *line[1:]]
    assert line[:5] == [sys.executable, "-m", "monai.bundle", "run", stage.run_id]
    files = line[6].strip("[]").replace("'", "").split(",")
    configuration: dict = {}
    for file in files:
        configuration |= json.loads(Path(file).read_text())
    assert stage.run_id in configuration
    assert line[7:] == ["--dataset_dir", str(tmp_path), "--output_dir", "out dir"]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_the_help_lists_all_settings_of_the_stage_with_their_meaning_and_default(run, stage: StageCommand):
    code, out, _, _ = run(stage.name, "--help")
    assert code == 0
    text = " ".join(out.split())
    configuration: dict = {}
    for name in stage.configs:
        configuration |= json.loads((ROOT / "bundles" / stage.bundle / "configs" / f"{name}.json").read_text())
    listed = [row for name, row in SETTINGS.items() if stage.stage in row.stages and name in configuration]
    assert len(listed) > 10
    for row in listed:
        if row.name != "dataset_dir":
            told = f"--{row.name} VALUE {row.meaning}: {row.wanted}. Default: {default_text(configuration[row.name])}."
            assert " ".join(told.replace("`", "").split()) in text


def test_a_data_list_gives_its_folder_and_itself(run, tmp_path):
    (tmp_path / "fold0.json").write_text("{}")
    line = run("train", tmp_path / "fold0.json", "--max_epochs=3")[3]
    assert line[7:] == ["--dataset_dir", str(tmp_path), "--datalist", str(tmp_path / "fold0.json"), "--max_epochs", "3"]


def test_profiles_and_files_lie_over_the_configuration(run, tmp_path):
    (tmp_path / "plan.json").write_text("{}")
    profiles = f"fast,inference_dicom,{tmp_path / 'plan.json'}"
    line = run("evaluate", tmp_path, "--profile", profiles, "--mlflow", "--overlap", "0.25")[3]
    assert [Path(file).stem for file in line[6].strip("[]").replace("'", "").split(",")] == [
        "inference", "evaluate", "fast", "inference_dicom", "plan"
    ]  # fmt: skip
    assert line[9:] == ["--mlflow", "True", "--overlap", "0.25"]


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (["train", "{data}", "--max_epoch", "3"], 1, "there is no setting max_epoch; did you mean max_epochs?"),
        (["pretrain", "{data}", "--overlap", "0.5"], 1, "there is no setting overlap"),
        (["evaluate", "{data}", "--profile", "fastt"], 1, "fastt: no such overlay; did you mean fast?"),
        (["train", "{data}", "--max_epochs"], 1, "--max_epochs needs a value: a whole number"),
        (["train", "{data}", "--checkpoint", "--resume"], 1, "--checkpoint needs a value"),
        (["train", "{data}", "--max_epochs", "many"], 1, "max_epochs is 'many'; give a whole number"),
        (["train", "{data}", "--profile", "fast"], 1, "fast is an overlay of another step"),
        (["refine", "{data}", "--profile", "train"], 1, "train is an overlay of another step"),
        (["train", "nowhere"], 1, "nowhere: no such file or folder"),
        (["train", "nowhere.json"], 1, "nowhere.json: no such file or folder"),
        (["refine"], 2, "swinx refine takes one folder or data list, got none"),
        (["refine", "a", "b"], 2, "swinx refine takes one folder or data list, got 2: a b"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_line(run, tmp_path, words, code, reason):
    ended, out, err, line = run(*(word.format(data=tmp_path) for word in words))
    assert (ended, out, line) == (code, "", [])
    assert err.startswith(f"error: {reason}")
    assert len(err.splitlines()) == 1


@pytest.mark.slow
def test_the_printed_line_trains_and_evaluates(run, tmp_path):
    from support.bundles import write_case
    from support.geometry import oblique_affine

    listed = []
    for seed in range(2):
        image, label = write_case(tmp_path, f"c{seed}", seed, oblique_affine("LPS"))
        listed.append({"image": str(image.relative_to(tmp_path)), "label": str(label.relative_to(tmp_path))})
    sections = {"training": listed[:1], "validation": listed[1:]}
    (tmp_path / "datalist.json").write_text(json.dumps(sections))
    places = {"output_dir": tmp_path / "out", "checkpoint": tmp_path / "out" / "model.pt", "mlflow": False}
    brief = {"max_epochs": 1, "warmup_epochs": 0, "resume": False}
    line = run("train", tmp_path, *arguments(**places, **SMALL, **brief))[1]
    finished = run_program([sys.executable, *shlex.split(line)[1:]])
    assert finished.returncode == 0, finished.stderr[-2000:]
    line = run("evaluate", tmp_path, *arguments(**places, backend="torch", progress=False))[1]
    finished = run_program([sys.executable, *shlex.split(line)[1:]])
    assert finished.returncode == 0, finished.stderr[-2000:]
    assert (tmp_path / "out" / "scores.csv").is_file()


def test_segment_refuses_bad_input_in_one_line_and_goes_on_with_the_rest(run, tmp_path):
    weights = some_weights(tmp_path)
    write_scan(tmp_path / "scans" / "good.nii.gz")
    (tmp_path / "scans" / "bad.nii.gz").write_bytes(b"no scan")
    words = [
        "segment",
        tmp_path / "scans",
        tmp_path / "out",
        "--model",
        weights,
        "--progress",
        "False",
        "--backend",
        "torch",
    ]
    code, out, err, _ = run(*words)
    assert code == 1
    assert out.startswith(f"{tmp_path / 'out' / 'good.nii.gz'}: ")
    failed = json.loads((tmp_path / "out" / "cases.json").read_text())["failed"]
    assert [case["case"] for case in failed] == ["bad"]
    for wrong, reason in (
        ([*words, "--classes", "livr"], "'livr' is no class"),
        ([*words, "--profile", "slow"], "there is no profile slow"),
        ([*words, "--overlpa", "0.5"], "there is no setting overlpa; did you mean overlap?"),
        ([*words[:2], weights, *words[3:]], "is a file"),
        ([words[0], "nowhere", *words[2:]], "nowhere"),
        ([*words[:4], "nowhere.zip", *words[5:]], "no such file, folder or model"),
    ):
        code, out, err, _ = run(*wrong)
        assert (code, out) == (1, "")
        assert reason in err.splitlines()[-1]
        assert err.splitlines()[-1].startswith("error: ")


RUN = """
import signal, sys
from swinx.cli.front.stage_commands import _run_to_its_end
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(_run_to_its_end([sys.executable, "-c", sys.argv[1]]))
"""
STAGE = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    print("began", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(1)
    print("saved", flush=True)
    sys.exit(3)
"""


@pytest.mark.parametrize("group", [True, False], ids=["in a terminal", "by its number"])
def test_ctrl_c_lets_a_run_save_what_it_has(group):
    program = subprocess.Popen(
        [sys.executable, "-c", RUN, STAGE], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "began\n"
    (os.killpg if group else os.kill)(program.pid, signal.SIGINT)
    assert program.stdout.read() == "saved\n"
    assert program.wait() == 3


def test_a_command_that_is_interrupted_ends_with_one_line(monkeypatch, capsys):
    def interrupt(*_given):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_run", interrupt)
    monkeypatch.setattr(sys, "argv", ["swinx", "doctor"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 130
    assert capsys.readouterr().err.strip().endswith("interrupted")
