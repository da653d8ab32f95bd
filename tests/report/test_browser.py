"""The page in a real browser: it draws, complains of nothing, and asks the network for nothing."""

import json
import shutil

import numpy as np
import pytest
from matplotlib.figure import Figure as Drawing

from lrscope.report import Figure, PointCommand, Report, Section, write

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium (Debian: apt-get install chromium)"),
    pytest.mark.skipif(not DRIVER, reason="there is no chromedriver (Debian: apt-get install chromium-driver)"),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_window_size(1200, 900)
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser, report, tmp_path):
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.get(write(report, tmp_path).as_uri())
    return browser


def read_to_the_end(browser):
    """Open what can be opened."""
    browser.execute_script("document.querySelectorAll('details').forEach((part) => { part.open = true; })")


def requested(browser):
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [message["params"] for message in messages if message["method"] == "Network.requestWillBeSent"]
    return [request["request"]["url"] for request in sent if request["documentURL"] == browser.current_url]


def test_a_report_draws_without_a_complaint_and_without_the_network(opened, tmp_path):
    read_to_the_end(opened)
    assert [entry for entry in opened.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
    urls = requested(opened)
    assert (tmp_path / "report.html").as_uri() in urls
    assert {url.split(":")[0] for url in urls} <= {"file", "data"}


@pytest.mark.parametrize("width", [360, 800, 1400])
def test_nothing_sticks_out_of_the_window(opened, width):
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    read_to_the_end(opened)
    assert opened.execute_script("return document.documentElement.scrollWidth") <= width


def test_a_click_on_a_figure_shows_the_command_for_the_point(browser, tmp_path):
    from selenium.webdriver.common.action_chains import ActionChains

    point = PointCommand("look --at {x},{y}", (1e-3, 1e3), (1.0, 100.0), (0.25, 0.2, 0.5, 0.6))
    figure = Figure("map", "Map", "", lambda _: blank(), point=point)
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.get(write(Report("Map", "", [], [], [Section("Map", "", [figure])]), tmp_path).as_uri())
    image, command = (browser.find_element("css selector", name) for name in ("img", ".picture .command"))
    assert not command.is_displayed()
    # selenium counts from the middle of what is seen of the picture, which is then the middle of the axes
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", image)
    ActionChains(browser).move_to_element_with_offset(image, -int(0.2 * image.size["width"]), 0).click().perform()
    x, y = (float(part) for part in command.text.splitlines()[0].removeprefix("look --at ").split(","))
    assert np.log10(x) == pytest.approx(-3 + 6 * 0.1, abs=0.1)
    assert np.log10(y) == pytest.approx(1, abs=0.05)


def blank():
    drawing = Drawing(figsize=(5, 4))
    drawing.add_axes((0.25, 0.2, 0.5, 0.6))
    return drawing


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_dark(opened, scheme):
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    pairs = opened.execute_script(
        """
        const colours = (ink, paper) => [getComputedStyle(ink).color, getComputedStyle(paper).backgroundColor];
        const marks = [...document.querySelectorAll('.mark')].map((mark) => colours(mark, mark));
        const quiet = document.querySelectorAll('p, figcaption, dt, th, .source, nav a');
        const texts = [...quiet].filter((text) => !text.closest('.card')).map((text) => colours(text, document.body));
        return [...marks, ...texts];
        """
    )
    assert len(pairs) > 20
    assert min(contrast(*pair) for pair in pairs) >= 4.5  # WCAG 2.2, level AA


def contrast(ink, paper):
    """Return the contrast ratio of two CSS colours, 1 to 21 (WCAG 2.2)."""
    brighter, darker = sorted((luminance(ink), luminance(paper)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def luminance(colour):
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
