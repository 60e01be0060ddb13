"""The report: one page that needs nothing else, says what it lacks, and works in a browser."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import re
from html import escape
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from support.geometry import oblique_affine
from swinx.errors import DataListError
from swinx.metrics import score_table
from swinx.report import write_report
from swinx.report.html_page import html_table, json_data
from swinx.report.slice_viewer import draw_slices

SHAPE = (40, 36, 12)
HOSTILE = "<script>alert(1)</script>"


class Page(HTMLParser):
    """What a browser would fetch and run, and the cases of the viewer."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.handlers: list[str] = []
        self.scripts: list[str] = []
        self.policy = ""
        self.cases: dict[str, dict] = {}
        self._script: dict[str, str] | None = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Note what it points to."""
        found = dict(attrs)
        self.sources += [found[key] for key in ("src", "href", "action", "data") if found.get(key)]
        self.handlers += [key for key in found if key.startswith("on")]
        self._script = found if tag == "script" else None
        if found.get("http-equiv") == "Content-Security-Policy":
            self.policy = found["content"]

    def handle_data(self, data):
        """Take the content of a script."""
        if self._script is None:
            return
        if "type" not in self._script:
            self.scripts.append(data)
        elif self._script.get("class") == "case":
            self.cases[self._script["data-case"]] = json.loads(data)

    def handle_endtag(self, tag):
        """Leave a script."""
        self._script = None if tag == "script" else self._script

    @property
    def slices(self) -> list[int]:
        """Number of slices of each case."""
        return [len(case["slices"]) for case in self.cases.values()]


def save(path: Path, array: np.ndarray, affine: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, affine), path)


def scores(cases: list[str]) -> pd.DataFrame:
    from swinx.labels import FLARE23

    rng = np.random.default_rng(0)
    return score_table({c: {n: {"dsc": rng.uniform(), "nsd": rng.uniform()} for n in FLARE23.names[1:]} for c in cases})


@pytest.fixture
def results(tmp_path):
    """Three cases on oblique grids with labels, predictions, scores, and tables of every stage."""
    affine = oblique_affine("LPS")
    for seed, case in enumerate(("anna", "berta", "carla")):
        hu = np.random.default_rng(seed).normal(0, 50, SHAPE).astype(np.int16)
        label = np.zeros(SHAPE, np.uint8)
        label[10:20, 8:20, 3:9] = 1
        label[25:30, 20:30, 4:7] = 14
        save(tmp_path / f"images/{case}_0000.nii.gz", hu, affine)
        save(tmp_path / f"labels/{case}.nii.gz", label, affine)
        save(tmp_path / f"out/{case}.nii.gz", np.roll(label, 2, axis=0), affine)
    scores(["anna", "berta", "carla"]).to_csv(tmp_path / "scores.csv")
    case = {"case": "anna", "shape": list(SHAPE), "device": "cpu", "seconds": {"total": 1.25}}
    (tmp_path / "out/cases.json").write_text(json.dumps({"done": [case | {"peak_memory": {"rss_mb": 100.0}}]}))
    (tmp_path / "train").mkdir()
    history = {"epoch": [1, 2], "train_loss": [2.0, 1.0], "learning_rate": [0.1, 0.0], "val_mean_dice": [np.nan, 0.5]}
    pd.DataFrame(history).to_csv(tmp_path / "train/history.csv", index=False)
    (tmp_path / "refined").mkdir()
    refined = {
        "case": ["a"],
        "refined": [True],
        "selected": [False],
        "liver_before_ml": [0.0],
        "liver_after_ml": [900.0],
    }
    pd.DataFrame(refined).to_csv(tmp_path / "refined/cases.csv", index=False)
    return tmp_path


def make(results, **changes) -> tuple[str, list[str]]:
    parts = {
        "images": results / "images",
        "reference": results / "labels",
        "prediction": results / "out",
        "training": results / "train",
        "refinement": results / "refined",
        "cases": 1,
        "max_slices": 6,
    }
    faults = write_report(results, results / "report.html", **parts | changes)
    return (results / "report.html").read_text(encoding="utf-8"), faults


def test_the_page_needs_no_network_and_is_small(results):
    text, faults = make(results)
    page = Page(text)
    assert faults == []
    assert page.sources
    assert all(source.startswith(("data:", "#")) for source in page.sources)
    assert page.policy.startswith("default-src 'none'; script-src 'unsafe-inline'; ")
    assert "http" not in page.policy
    assert not re.search(r"url\(|@import", text)
    assert len(text) < 3_000_000


def test_one_script_runs_and_the_library_of_the_viewer_is_there_once_with_its_licence(results):
    text, _ = make(results)
    assert len(Page(text).scripts) == 1
    (library,) = re.findall(r'<script type="text/plain" id="niivue">([^<]+)</script>', text)
    code = gzip.decompress(base64.b64decode(library))
    folder = files("swinx.report") / "page"
    assert code == (folder / "niivue.umd.js").read_bytes()
    told = (folder / "niivue_licences.txt").read_text(encoding="utf-8")
    assert hashlib.sha256(code).hexdigest() in told, "the file is the one that was published"
    assert escape(told) in text
    assert "Redistributions in binary form must reproduce the above copyright" in told
    assert "niivue" not in write_scores_alone(results), "a page without volumes does not need it"


def write_scores_alone(results) -> str:
    write_report(results / "scores.csv", results / "small.html")
    return re.sub(r"<script>.*</script>", "", (results / "small.html").read_text(encoding="utf-8"), flags=re.DOTALL)


def test_all_parts_are_there(results):
    text, _ = make(results)
    headings = re.findall(r"<h2>(.*?)</h2>", text)
    parts = ["Verdict", "Cases", "Viewer", "Scores", "Cost", "Refined labels", "Training", "Licences"]
    assert headings == parts
    assert "40 x 36 x 12" in text
    assert "1 of 1 cases refined, 0 selected" in text
    assert "2 epochs" in text


def test_only_scores_are_needed(results):
    write_report(results / "scores.csv", results / "small.html")
    assert re.findall(r"<h2>(.*?)</h2>", (results / "small.html").read_text()) == ["Verdict", "Cases", "Scores"]


def test_means_are_those_of_the_table(results):
    text, _ = make(results)
    mean = 100 * pd.read_csv(results / "scores.csv")["liver_dsc"].mean()
    assert f"<td>liver</td><td>{mean:.2f} ±" in text


def test_best_and_worst_case_have_a_viewer(results):
    text, _ = make(results)
    table = pd.read_csv(results / "scores.csv", index_col="case").filter(like="_dsc").mean(axis=1)
    page = Page(text)
    assert list(page.cases) == [table.idxmin(), table.idxmax()]
    assert page.slices == [6, 6]
    assert dict(re.findall(r'data-open-case="(\d)">(\w+)<', text)) == dict(zip("01", page.cases, strict=True))


def test_scans_and_references_can_come_from_a_section_of_a_data_list(results):
    cases = ("anna", "berta", "carla")
    items = [{"case": c, "image": f"images/{c}_0000.nii.gz", "label": f"labels/{c}.nii.gz"} for c in cases]
    (results / "datalist.json").write_text(json.dumps({"training": items[:1], "testing": items}))
    text, faults = make(results, images=results / "datalist.json", section="testing", reference=None)
    assert faults == []
    assert Page(text).slices == [6, 6]
    assert all(list(case["maps"]) == ["Reference", "Prediction"] for case in Page(text).cases.values())
    assert 'class="fault"' not in text
    _, faults = make(results, images=results / "datalist.json", section="nowhere")
    assert "nowhere" in faults[0]


def test_slices_have_the_proportions_of_the_patient():
    affine = np.diag([-1.0, -1.0, 4.0, 1.0])
    label = np.zeros((60, 30, 10), np.uint8)
    label[28:32, 13:17, 4:6] = 1
    found = draw_slices(np.zeros((60, 30, 10), np.int16), {"Reference": label}, affine, 3)
    data = base64.b64decode(found.slices[0]["src"].partition(",")[2])
    width, height = Image.open(io.BytesIO(data)).size
    margin, lower = 25, 13
    assert width / 2 / height == pytest.approx((4 + 2 * margin) / min(30, 4 + lower + lower), rel=0.02)


@pytest.mark.parametrize("axcodes", ["LPS", "RAS", "PSR", "LAI"])
def test_the_patients_right_is_on_the_left_of_every_slice(axcodes):
    affine = oblique_affine(axcodes)
    index = np.stack(np.meshgrid(*[np.arange(n) for n in SHAPE], indexing="ij"), axis=-1)
    world = index @ affine[:3, :3].T + affine[:3, 3]
    right = world[..., 0] > np.median(world[..., 0])
    label = np.where(right, 1, 0).astype(np.uint8)
    found = draw_slices(np.full(SHAPE, -160, np.int16), {"Reference": label}, affine, 3)
    data = base64.b64decode(found.slices[1]["src"].partition(",")[2])
    panel = np.asarray(Image.open(io.BytesIO(data))).astype(float).sum(axis=2)
    panel = panel[:, panel.shape[1] // 2 :]
    left, other = np.array_split(panel.mean(axis=0), 2)
    assert left.mean() > 3 * other.mean() + 10


def test_names_from_files_are_text(results):
    assert HOSTILE not in html_table([HOSTILE], [[HOSTILE]])
    assert "<" not in json_data({HOSTILE: HOSTILE}, {"data-case": HOSTILE})[len("<script") : -len("</script>\n")]
    table = pd.read_csv(results / "scores.csv", dtype={"case": str})
    table.loc[0, "case"] = HOSTILE
    table.to_csv(results / "scores.csv", index=False)
    text, _ = make(results, title=HOSTILE, cases=3)
    assert HOSTILE not in text
    assert "&lt;script&gt;alert(1)" in text


def test_a_bad_file_is_named_and_the_rest_is_shown(results):
    (results / "train/history.csv").write_text("nothing")
    for path in (results / "out").glob("*.nii.gz"):
        path.write_bytes(b"no volume")
    text, faults = make(results)
    named = sorted(fault.partition(":")[0] for fault in faults)
    assert len(named) == 3
    assert named[0] == "Training"
    assert set(named[1:]) < {"anna", "berta", "carla"}
    assert len(re.findall(r"<li>\w+ is not shown: ", text)) == 2
    assert text.count('class="fault">Not shown') == 1
    assert "Refined labels" in text


def test_the_page_names_the_rule_and_the_cases_without_scores(results):
    summary = {"protocol": "fixed", "bad_cases": [{"case": "dora", "reason": "has no prediction, scored 0"}]}
    (results / "summary.json").write_text(json.dumps(summary))
    text, _ = make(results)
    assert "Protocol standard" in text, "its present name"
    assert "dora: has no prediction, scored 0" in text
    (results / "summary.json").unlink()
    assert "is not known" in make(results)[0]


def test_a_case_without_any_score_is_neither_best_nor_worst(results):
    table = pd.read_csv(results / "scores.csv", index_col="case")
    table.loc["berta"] = np.nan
    table.to_csv(results / "scores.csv")
    text, _ = make(results, cases=3)
    assert sorted(Page(text).cases) == ["anna", "carla"]
    assert "nan %" not in text


def test_a_scored_case_without_a_scan_is_named(results):
    (results / "images/berta_0000.nii.gz").unlink()
    _, faults = make(results, cases=3)
    assert faults == [f"berta: is scored, but not among the scans in {results / 'images'}"]


def test_of_one_case_there_is_no_interval(results):
    pd.read_csv(results / "scores.csv", index_col="case").iloc[:1].to_csv(results / "scores.csv")
    text, _ = make(results)
    assert not re.search(r"<td>([\d.]+)-\1</td>", text)


def test_of_eight_patients_there_is_an_interval_and_of_eight_variants_none(results):
    cases = [f"c{number}" for number in range(8)]
    scores(cases).to_csv(results / "scores.csv")
    summary = {"protocol": "flare23", "cases": {case: {"patient": "one", "reference": [1, 14]} for case in cases}}
    (results / "summary.json").write_text(json.dumps(summary))
    text, _ = make(results, images=None, reference=None, prediction=None)
    assert not re.search(r"<td>[\d.]+-[\d.]+</td>", text)
    assert "no confidence intervals: 1 patient of 8 cases" in text
    assert "no reference has right kidney" in text
    for number, facts in enumerate(summary["cases"].values()):
        facts["patient"] = str(number)
    (results / "summary.json").write_text(json.dumps(summary))
    text, _ = make(results, images=None, reference=None, prediction=None)
    assert re.search(r"<td>[\d.]+-[\d.]+</td>", text)


def test_organs_that_were_not_taken_from_the_teacher_are_told(results):
    path = results / "refined/cases.csv"
    refined = pd.read_csv(path)
    assert "implausible volume" not in make(results)[0]
    refined.assign(implausible=["right kidney 113000.0 ml"] + [""] * (len(refined) - 1)).to_csv(path, index=False)
    assert "of implausible volume were not taken in 1 cases" in make(results)[0]


@pytest.mark.parametrize("changes", [{"cases": 0}, {"cases": -1}, {"max_slices": 0}])
def test_numbers_below_one_are_refused(results, changes):
    with pytest.raises(DataListError, match="must be 1 or more"):
        make(results, **changes)


def test_a_case_that_is_there_twice_is_named(results):
    table = pd.read_csv(results / "scores.csv", index_col="case")
    pd.concat([table, table.iloc[:1]]).to_csv(results / "scores.csv")
    with pytest.raises(DataListError, match="anna has two rows"):
        make(results)


def test_no_scores_no_report(results):
    (results / "scores.csv").unlink()
    with pytest.raises(DataListError, match=r"scores\.csv"):
        make(results)


@pytest.mark.usefixtures("results")
def test_what_files_of_data_say_is_shown_as_text(tmp_path):
    from swinx.tracking import sidecar_path

    hostile = f"{HOSTILE}\"'><img src=x onerror=alert(1)>"
    fault = {"case": hostile, "reason": hostile}
    (tmp_path / "summary.json").write_text(json.dumps({"protocol": "fixed", "bad_cases": [fault], hostile: hostile}))
    memory = {"rss_mb": hostile, "gpu_device_mb": hostile}
    case = {"case": hostile, "shape": [hostile], "device": hostile, "seconds": {"total": 1.0}, "peak_memory": memory}
    (tmp_path / "out/cases.json").write_text(json.dumps({"done": [case]}))
    (tmp_path / "model.pt").write_text("weights")
    source = {"name": hostile, "path": hostile, "tracking_uri": f"http://{hostile}", "run_id": "r"}
    sidecar_path(tmp_path / "model.pt").write_text(json.dumps({"stage": hostile, "run_id": "r", "upstream": [source]}))
    history = pd.read_csv(tmp_path / "train/history.csv")
    history.assign(**{hostile: 1.0}).to_csv(tmp_path / "train/history.csv", index=False)
    refined = pd.read_csv(tmp_path / "refined/cases.csv").assign(
        **{f"{hostile}_before_ml": 1, f"{hostile}_after_ml": 1}
    )
    refined.to_csv(tmp_path / "refined/cases.csv", index=False)
    parts = {"training": tmp_path / "train", "refinement": tmp_path / "refined", "model": tmp_path / "model.pt"}
    assert write_report(tmp_path, tmp_path / "r.html", prediction=tmp_path / "out", title=hostile, **parts) == []
    page = (tmp_path / "r.html").read_text()
    assert HOSTILE not in page
    assert "<img src=x" not in page
    assert page.count("&lt;script&gt;alert(1)") >= 10


@pytest.mark.usefixtures("results")
def test_a_file_of_something_else_is_a_fault_of_its_part_alone(tmp_path):
    (tmp_path / "out/cases.json").write_text('{"done": {"_target_": "os.getcwd"}}')
    (fault,) = write_report(tmp_path, tmp_path / "r.html", prediction=tmp_path / "out")
    assert "Cost: " in fault
    assert "builds components" in fault
