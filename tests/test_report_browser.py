"""The report in a real browser, opened from disk."""

import pytest
from browser import CHROMIUM, WHY_NOT, Browser
from report_records import contents
from test_report_page import HOSTILE, hostile_contents

from bench.report.page import page

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT),
]
PHONE = {"width": 390, "height": 844}
DRAWN = "document.querySelectorAll('.plot .main-svg').length"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(page(contents()))
    return path


@pytest.fixture
def opened(browser, report):
    """The report with its first chart drawn; whatever a test does, it must raise no error."""
    browser.errors.clear()
    browser.requests.clear()
    browser.open(report)
    browser.value("try { localStorage.clear() } catch {}")
    browser.until(f"{DRAWN} > 0")
    yield browser
    assert browser.errors == []


def test_every_chart_is_drawn_without_an_error_or_a_request(opened):
    opened.see_all()
    opened.until(
        "[...document.querySelectorAll('.chart')].every((one) => one.querySelector('.main-svg'))"
    )
    assert opened.value("document.querySelectorAll('.chart').length") == 12
    assert opened.value("document.getElementById('trouble').hidden")
    assert opened.requests[0].startswith("file:")
    assert all(url.startswith(("data:", "blob:")) for url in opened.requests[1:])


def test_a_click_in_the_legend_hides_a_model(opened):
    visible = "document.querySelector('.plot').data.map((trace) => trace.visible ?? true)"
    assert opened.value(visible) == [True] * 4
    opened.click(".chart .legendtoggle")
    opened.until(f"{visible}[0] === 'legendonly'")
    assert opened.value(visible)[1:] == [True] * 3


def test_a_click_on_a_heading_sorts_and_another_sorts_the_other_way(opened):
    column = "[...document.querySelectorAll('table.rows')[0].tBodies[0].rows].map"
    medians = f"{column}((row) => row.cells[3].textContent.trim())"
    before = opened.value(medians)
    opened.click("table.rows thead th:nth-child(4) button")
    rising = opened.value(medians)
    assert before != rising and sorted(rising) == sorted(before)
    assert rising[:-1] == sorted(rising[:-1], key=float) and "crashed" in rising[-1]
    opened.click("table.rows thead th:nth-child(4) button")
    falling = opened.value(medians)
    assert falling[:-1] == rising[-2::-1] and "crashed" in falling[-1]
    opened.click("table.rows thead th:nth-child(2) button")
    runtimes = opened.value(f"{column}((row) => row.cells[1].textContent.trim())")
    assert runtimes == sorted(runtimes)


def test_the_theme_follows_the_system_until_it_is_chosen(browser, opened, report):
    page_colour = "getComputedStyle(document.body).backgroundColor"
    chart_colour = "document.querySelector('.plot')._fullLayout.font.color"
    light = opened.value(page_colour), opened.value(chart_colour)
    opened.click("#theme")
    chosen = opened.value(page_colour), opened.value(chart_colour)
    assert chosen[0] != light[0] and chosen[1] != light[1]
    opened.click("#theme")
    assert (opened.value(page_colour), opened.value(chart_colour)) == light
    opened.value("localStorage.clear()")
    browser.open(report, dark=True)
    browser.until(f"{DRAWN} > 0")
    assert (browser.value(page_colour), browser.value(chart_colour)) == chosen


def test_buttons_show_a_chart_in_other_ways(opened):
    opened.see_all()
    shown = "document.querySelector('.chart:has(.heatmaplayer .hm) .plot').data[0].text[0][4]"
    assert float(opened.value(shown)) > 90
    opened.click(".chart:has(.heatmaplayer .hm) .views button:nth-child(2)")
    opened.until(f"Number({shown}) < 50")


def test_the_pointer_over_a_point_tells_all_about_it(opened):
    opened.call("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)
    x, y = opened.value(
        "(() => { const box = document.querySelector('.scatterlayer path.point')"
        ".getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; })()"
    )
    opened.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    opened.until("document.querySelector('.hoverlayer .hovertext') !== null")
    told = opened.value("document.querySelector('.hoverlayer').textContent")
    assert all(word in told for word in ("median", "ms", "top-1", "1000 images", "KB"))


def test_on_a_phone_the_page_does_not_scroll_sideways(opened, report):
    opened.open(report, **PHONE)
    opened.until(f"{DRAWN} > 0")
    opened.see_all()
    assert opened.value("document.documentElement.scrollWidth") <= PHONE["width"]
    assert opened.value("document.querySelector('.scroll').scrollWidth") > PHONE["width"]


def test_names_from_outside_are_shown_and_never_run(browser, tmp_path):
    path = tmp_path / "hostile <b> 花.html"
    path.write_text(page(hostile_contents()))
    browser.errors.clear()
    browser.open(path, **PHONE)
    browser.until(f"{DRAWN} > 0")
    browser.see_all()
    assert browser.value("window.hacked") is None and browser.errors == []
    assert browser.value("document.documentElement.scrollWidth") <= PHONE["width"]
    assert HOSTILE[0] in browser.value("document.querySelector('section h2').textContent")
    legend = browser.value("document.querySelector('.legendtext').textContent")
    assert legend == f"{HOSTILE[0]} on {HOSTILE[1]}"


def test_without_javascript_the_tables_are_there(browser, report):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(report, **PHONE)
        text = browser.value("document.body.innerText")
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)
    assert "Without JavaScript" in text and "0.310" in text and "python -m bench run" in text
