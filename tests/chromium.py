"""A headless Chromium for tests that look at pages as people do."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""Names of the program, of Debian's package and of others."""
PATIENCE = 60
"""Seconds to wait for what a page is to show: other programs may be running."""

HELP = """
function all(tag, node = document.documentElement) {
  const inside = [...(node.shadowRoot ? node.shadowRoot.children : []), ...node.children];
  const found = inside.flatMap(child => all(tag, child));
  return node.localName === tag ? [node, ...found] : found;
}
function text(node = document.body) {
  if (node.nodeType === Node.TEXT_NODE) return node.textContent;
  if (node.nodeType !== Node.ELEMENT_NODE || ['STYLE', 'SCRIPT'].includes(node.tagName)) return '';
  const inside = [...(node.shadowRoot ? node.shadowRoot.childNodes : []), ...node.childNodes];
  return inside.map(text).join(' ').replace(/\\s+/g, ' ');
}
"""
IMAGES = """
return all('img').map(image => {
  const canvas = document.createElement('canvas');
  const [width, height] = [image.naturalWidth, image.naturalHeight];
  let colours = null;
  try {
    Object.assign(canvas, {width, height});
    canvas.getContext('2d').drawImage(image, 0, 0);
    const pixels = canvas.getContext('2d').getImageData(0, 0, width, height).data;
    colours = new Set(new Uint32Array(pixels.buffer)).size;
  } catch (error) {}  // not there, or of another origin
  return {alt: image.alt, source: image.src.slice(0, 100), width, height, colours};
});
"""


def missing() -> str | None:
    """Why there is no browser here; None where there is one."""
    if browser_path() is None:
        return f"no Chromium: none of {', '.join(BROWSERS)} is installed"
    if driver_path() is None:
        return "no chromedriver, which Chromium is driven with, is installed"
    return None


def browser_path() -> str | None:
    """The browser's program."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def driver_path() -> str | None:
    """The driver's; GitHub's machines say where it is."""
    folder = os.environ.get("CHROMEWEBDRIVER")
    return shutil.which("chromedriver", path=folder) if folder else shutil.which("chromedriver")


class Browser:
    """A window, with a profile of its own; nothing is looked up or downloaded for it.

    Args:
        profile: An empty folder.
    """

    def __init__(self, profile: Path) -> None:
        options = Options()
        options.binary_location = str(browser_path())
        for word in (
            "--headless=new",
            "--no-sandbox",  # which does not start for root
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--window-size=1400,1000",
            f"--user-data-dir={profile}",
        ):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        # with the driver's path given, selenium looks for none
        self.driver = Chrome(options=options, service=Service(str(driver_path())))

    def close(self) -> None:
        """Close the window and end the browser."""
        self.driver.quit()

    def open(self, url: str) -> None:
        """Load a page from nothing."""
        self.driver.get("about:blank")
        self.driver.get_log("performance")
        self.driver.get_log("browser")
        self.driver.get(url)

    def size(self, width: int, height: int) -> None:
        """Make the window so large, in pixels."""
        screen = {"deviceScaleFactor": 1, "mobile": False}
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height, **screen)

    def command(self, name: str, **given: Any) -> dict[str, Any]:
        """A command of Chromium's DevTools protocol."""
        answer: dict[str, Any] = self.driver.execute_cdp_cmd(name, given)
        return answer

    @property
    def text(self) -> str:
        """All texts of the page, those in shadow roots as well."""
        return str(self.run("return text()"))

    @property
    def images(self) -> list[dict[str, Any]]:
        """Text, source, size and number of different colours of all images."""
        found: list[dict[str, Any]] = self.run(IMAGES)
        return found

    @property
    def requests(self) -> list[str]:
        """What the page has asked the network for since `open`, files and `data:` included."""
        messages = (
            json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")
        )
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]

    @property
    def complaints(self) -> list[str]:
        """Errors and warnings on the page's console since `open`."""
        log = self.driver.get_log("browser")
        return [each["message"] for each in log if each["level"] in ("SEVERE", "WARNING")]

    def run(self, script: str) -> Any:
        """What a script on the page returns; `all` and `text` are at hand.

        They look into shadow roots as well: `all(tag, node)` for elements, `text(node)` for words.
        """
        return self.driver.execute_script(HELP + script)

    def until(self, look: Callable[[], Any], what: str) -> Any:
        """What `look` finds, as soon as it is true; fails with the page's text otherwise."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if found := look():
                return found
            time.sleep(0.3)
        raise AssertionError(f"never seen: {what}; the page says: {self.text[-1500:]}")

    def picture(self, file: Path) -> Path:
        """Save what is to be seen."""
        file.parent.mkdir(parents=True, exist_ok=True)
        assert self.driver.save_screenshot(str(file))
        return file


def opened(profile: Path) -> Iterator[Browser]:
    """A browser that is closed in the end."""
    browser = Browser(profile)
    try:
        yield browser
    finally:
        browser.close()
