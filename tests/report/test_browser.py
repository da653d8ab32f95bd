"""The page in a real browser: it draws, complains of nothing, and asks the network for nothing."""

import json
import shutil
import time

import numpy as np
import pytest
import xarray as xr

from lrscope.figures import interactive_run
from lrscope.report import Interactive, Report, Section, write_html

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
    browser.get(write_html(tmp_path / "report.html", report).as_uri())
    return browser


def find(browser, selector):
    return browser.find_elements("css selector", selector)


def until(condition):
    """Wait up to twenty seconds for something to become true."""
    end = time.monotonic() + 20
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    assert condition()


def read_to_the_end(browser):
    """Open what can be opened and bring each figure into view, as a reader would."""
    browser.execute_script("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    for card in find(browser, ".interactive .card"):
        browser.execute_script("arguments[0].scrollIntoView()", card)
        until(lambda card=card: card.get_attribute("data-drawn"))


def requested(browser):
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [message["params"] for message in messages if message["method"] == "Network.requestWillBeSent"]
    return [request["request"]["url"] for request in sent if request["documentURL"] == browser.current_url]


def test_a_report_draws_without_a_complaint_and_without_the_network(opened, tmp_path):
    read_to_the_end(opened)
    assert len(find(opened, ".interactive .main-svg")) >= 4
    assert [entry for entry in opened.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
    urls = requested(opened)
    assert (tmp_path / "report.html").as_uri() in urls
    assert {url.split(":")[0] for url in urls} <= {"file", "data", "blob"}


def test_texts_stay_texts(opened):
    read_to_the_end(opened)
    assert opened.title.startswith("Fluctuation </script>")


def test_figures_wait_until_they_are_seen(opened):
    cards = find(opened, ".interactive .card")
    assert len(cards) == 4
    assert not any(card.get_attribute("data-drawn") for card in cards)
    assert opened.execute_script("return typeof Plotly") == "undefined"
    opened.execute_script("arguments[0].scrollIntoView()", cards[0])
    until(lambda: cards[0].get_attribute("data-drawn"))
    assert not cards[3].get_attribute("data-drawn")


def test_tables_are_there(opened):
    tables = find(opened, ".table table")
    assert [len(table.find_elements("css selector", "tbody tr")) for table in tables] == [2, 40]
    assert tables[0].is_displayed()
    assert not tables[1].is_displayed()


def test_nothing_offers_to_send_the_data_away(opened):
    read_to_the_end(opened)
    offered = {button.get_attribute("data-title") or "" for button in find(opened, ".modebar-btn")}
    assert "Zoom" in offered
    assert not any(word in offer.lower() for offer in offered for word in ("share", "cloud", "chart studio"))


def a_run():
    """Records of one member whose every value is a function of its step."""
    step = np.arange(40)
    along = {"gradient_path": ["path_axis"], "weights_hidden": ["neuron_hidden", "input_hidden"]}
    along |= {"biases_hidden": ["neuron_hidden"], "weights_output": ["neuron_output", "input_output"]}
    along |= {"biases_output": ["neuron_output"], "outputs": ["sample", "output"], "targets": ["sample", "output"]}
    scalars = ("loss", "val_loss", "gradient_norm", "gradient_angle", "sharpness", "stability_limit")
    sizes = {"path_axis": 2, "neuron_hidden": 2, "input_output": 2, "sample": 5}
    data = {}
    for place, name in enumerate((*scalars, *along)):
        dims = along.get(name, [])
        shape = [sizes.get(dim, 1) for dim in dims]
        data[name] = (("step", *dims), np.multiply.outer(step + place + 1.0, np.ones(shape)))
    return xr.Dataset(data | {"inputs": (("sample", "input"), np.arange(5.0)[:, None])}, {"step": step})


@pytest.fixture
def played(browser, tmp_path):
    """A page with the run, drawn, that does not glide under the pointer while it scrolls."""
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    features = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    shown = Interactive("Run", "", interactive_run(a_run(), range(40)))
    page = Report("Run", "", [], [], [Section("Run", "", [shown])], {}, "lrscope run stability")
    browser.get(write_html(tmp_path / "report.html", page).as_uri())
    read_to_the_end(browser)
    return browser


def shown_steps(browser):
    """Return the steps at which the dots of the single lines stand: norm, angle, sharpness."""
    return browser.execute_script(
        """
        const figure = document.querySelector('.js-plotly-plot');
        return figure._fullData.slice(-5, -2).map((dots) => dots.x[0]);
        """
    )


def chosen_step(browser):
    return int(find(browser, ".slider-label")[0].text.removeprefix("step "))


def test_the_slider_moves_everything(played):
    assert shown_steps(played) == [0, 0, 0]
    before = find(played, ".interactive .card")[0].screenshot_as_base64
    rail = find(played, ".slider-rail-touch-rect")[0]
    webdriver.ActionChains(played).move_to_element_with_offset(rail, 10, 0).click().perform()
    until(lambda: chosen_step(played) > 15)
    step = chosen_step(played)
    until(lambda: shown_steps(played) == [step] * 3)
    assert find(played, ".interactive .card")[0].screenshot_as_base64 != before


def test_the_run_plays_until_it_is_paused_without_a_complaint(played):
    played.get_log("browser")
    play, pause = find(played, ".updatemenu-button")
    played.execute_script("arguments[0].scrollIntoView({ block: 'center' })", play)
    webdriver.ActionChains(played).click(play).perform()
    until(lambda: chosen_step(played) > 3)
    webdriver.ActionChains(played).click(pause).perform()
    time.sleep(0.2)
    stopped = chosen_step(played)
    time.sleep(0.4)
    assert chosen_step(played) == stopped < 39
    assert [entry for entry in played.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []


@pytest.mark.parametrize("width", [360, 800, 1400])
def test_nothing_sticks_out_of_the_window(opened, width):
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    read_to_the_end(opened)
    assert opened.execute_script("return document.documentElement.scrollWidth") <= width


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
