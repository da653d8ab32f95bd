"""The page of a run in a real browser: it draws, complains of nothing, and asks the network for nothing."""

import json
import shutil
import time

import pytest

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium (Debian: apt-get install chromium)"),
    pytest.mark.skipif(not DRIVER, reason="there is no chromedriver (Debian: apt-get install chromium-driver)"),
]


@pytest.fixture
def browser(tmp_path):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


def test_the_page_of_a_run_draws_without_a_complaint_and_without_the_network(finished, browser):
    page = finished("stability").report.resolve()
    browser.get(page.as_uri())
    browser.execute_script("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    (card,) = browser.find_elements("css selector", ".interactive .card")
    browser.execute_script("arguments[0].scrollIntoView()", card)
    end = time.monotonic() + 20
    while not card.get_attribute("data-drawn") and time.monotonic() < end:
        time.sleep(0.05)
    assert card.get_attribute("data-drawn")
    assert card.find_elements("css selector", ".slider-container")
    pictures = browser.find_elements("css selector", "figure img, figure svg")
    assert len(pictures) >= 6
    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [message["params"] for message in messages if message["method"] == "Network.requestWillBeSent"]
    urls = {request["request"]["url"] for request in sent if request["documentURL"] == browser.current_url}
    assert page.as_uri() in urls
    assert {url.split(":")[0] for url in urls} <= {"file", "data", "blob"}
