"""The report in a browser: volumes with WebGL, slices without, tables that sort, and no complaint."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from support.geometry import oblique_affine
from swinx.labels import FLARE23
from swinx.metrics import score_table
from swinx.report import write_report

pytestmark = pytest.mark.slow

SHAPE = (40, 36, 24)
CASES = ("anna", "berta", "<img src=x onerror=alert(1)>")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A report on three cases, of which one has a hostile name."""
    folder = tmp_path_factory.mktemp("report")
    affine = oblique_affine("LPS")
    for number, case in enumerate(CASES[:2]):
        hu = np.random.default_rng(number).normal(30, 40, SHAPE).astype(np.int16)
        label = np.zeros(SHAPE, np.uint8)
        label[10:20, 8:20, 6:18] = 1
        label[25:30, 20:30, 8:14] = 13
        for name, array in (("images/{}_0000", hu), ("labels/{}", label), ("out/{}", np.roll(label, 3, axis=0))):
            path = folder / f"{name.format(case)}.nii.gz"
            path.parent.mkdir(exist_ok=True)
            nib.save(nib.Nifti1Image(array, affine), path)
    values = {c: {n: {"dsc": 0.5 + 0.1 * i, "nsd": 0.5} for n in FLARE23.names[1:]} for i, c in enumerate(CASES)}
    table: pd.DataFrame = score_table(values)
    table.to_csv(folder / "scores.csv")
    parts = {"images": folder / "images", "reference": folder / "labels", "prediction": folder / "out"}
    write_report(folder, folder / "report.html", **parts, cases=3, max_slices=5)
    return folder / "report.html"


class Visit:
    """A page, with all that it complained of and all that it asked for."""

    def __init__(self, browser, path) -> None:
        self.page = browser.new_page(viewport={"width": 1200, "height": 900})
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri(), timeout=120_000)
        self.opened("anna")

    def opened(self, case: str) -> None:
        """Wait until a case is in the viewer."""
        self.page.locator(f'#viewer[data-open="{case}"]').wait_for(timeout=120_000)

    def control(self, name: str):
        """Return an element of the bar."""
        return self.page.locator(f"[data-control={name}]")

    def picture(self, kind: str) -> np.ndarray:
        """Return the picture on a canvas of the first pane, ``(height, width, 3)``."""
        import io

        from PIL import Image

        data = self.page.locator(f".{kind} canvas").first.screenshot(timeout=120_000)
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)

    def assert_quiet(self) -> None:
        """Fail if there was a complaint, or a request for anything but the page itself."""
        assert self.complaints == []
        assert [url for url in self.asked if not url.startswith(("data:", "file:", "blob:"))] == []
        self.page.close()


def changed(before: np.ndarray, after: np.ndarray) -> int:
    """Return the number of pixels that two pictures do not share."""
    return int((np.abs(before - after).max(axis=2) > 25).sum())


def test_volumes_are_drawn_and_every_control_changes_them(report, webgl_browser):
    visit = Visit(webgl_browser, report)
    assert not visit.page.locator(".slides").is_visible()
    assert "mean DSC 50.0 %" in (visit.page.locator(".note").text_content() or "")
    visit.page.locator("#viewer").scroll_into_view_if_needed()
    both, solid = visit.picture("planes"), visit.picture("solid")
    assert both.max() - both.min() > 100, "a CT"
    visit.control("none").click()
    bare = visit.picture("planes")
    assert changed(both, bare) > 2000
    assert changed(solid, visit.picture("solid")) > 1000
    visit.page.get_by_label("show liver").check()
    liver = visit.picture("planes")
    assert min(changed(liver, bare), changed(liver, both)) > 300
    visit.control("every").click()
    visit.control("layout").select_option("axial")  # without the 3D view, which has no opacity
    shown = visit.picture("planes")
    visit.control("opacity").fill("0")
    clear = visit.picture("planes")
    assert changed(shown, clear) > 300
    visit.control("window").select_option("-250,387.5")
    assert changed(clear, visit.picture("planes")) > 300
    visit.page.locator("#viewer").get_by_role("button", name="left kidney").click()
    assert "left kidney" in (visit.page.locator(".place").text_content() or "")
    visit.control("show").select_option("Side by side")
    visit.page.locator(".pane", has_text="Reference").wait_for()
    assert visit.page.locator(".pane:visible").count() == 2
    visit.control("show").select_option("Differences")
    visit.page.locator(".pane", has_text="Differences").wait_for()
    assert visit.page.locator(".pane:visible").count() == 1
    assert "in the reference only" in (visit.page.locator(".marks").text_content() or "")
    visit.page.locator("button.opens", has_text="berta").first.click()
    visit.opened("berta")
    visit.assert_quiet()


def test_without_webgl_a_slider_moves_through_slices(report, browser):
    visit = Visit(browser, report)
    image, slider = visit.page.locator(".slides img"), visit.page.locator(".slides input")
    said = visit.page.locator(".note").text_content()
    assert said == "anna: axial slices instead of volumes, since the browser has no WebGL 2."
    assert image.evaluate("image => image.complete && image.naturalWidth") > 600
    before = image.get_attribute("src"), visit.page.locator(".slides output").text_content()
    slider.focus()
    visit.page.keyboard.press("ArrowRight")
    after = image.get_attribute("src"), visit.page.locator(".slides output").text_content()
    assert before[0] != after[0]
    assert before[1] != after[1]
    visit.control("case").select_option(label="berta")
    visit.opened("berta")
    assert image.get_attribute("src") != after[0]
    assert [message for message in visit.complaints if "WebGL" not in message] == []
    visit.complaints.clear()  # the browser itself says that it has no WebGL
    visit.assert_quiet()


def test_a_click_on_a_header_sorts_and_a_second_one_turns_the_order(report, browser):
    visit = Visit(browser, report)
    table = visit.page.locator("table.sorts").first
    names = table.locator("tbody td:first-child")
    assert names.all_text_contents() == list(CASES), "worst first"
    table.get_by_role("button", name="mean DSC").click()
    table.get_by_role("button", name="mean DSC").click()
    assert names.all_text_contents() == list(CASES[::-1])
    assert table.locator("th").nth(1).get_attribute("aria-sort") == "descending"
    table.get_by_role("button", name="case", exact=True).click()
    assert names.all_text_contents() == sorted(CASES)
    visit.complaints.clear()
    visit.assert_quiet()
