"""The documentation's pages in a browser: no errors, nothing from the network, nothing cut off."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SITE = ROOT / "docs" / "_build" / "html"
SHOWN = ("index", "start", "lecture", "cells", "options", "design", "faq")
WIDTHS = (400, 1280)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def site() -> Path:
    """The site: that of `make docs` where there is one, else built here."""
    if not (SITE / "index.html").exists():
        command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", "docs", str(SITE)]
        subprocess.run(command, cwd=ROOT, check=True)
    return SITE


def test_every_page_fits_and_is_quiet(browser, site, pictures):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 30
    problems = []
    for width in WIDTHS:
        browser.size(width, 900)
        for page in pages:
            name = str(page.relative_to(site).with_suffix(""))
            browser.open(page.as_uri())
            problems += [f"{name} at {width}: {each}" for each in browser.complaints]
            wide = browser.run("return document.documentElement.scrollWidth - window.innerWidth")
            if wide > 0:
                problems.append(f"{name} at {width}: {wide} pixels wider than the window")
            outside = [each for each in browser.requests if not each.startswith(("file:", "data:"))]
            problems += [f"{name}: asks for {each}" for each in outside if each != "about:blank"]
            broken = [each["alt"] for each in browser.images if not each["width"]]
            problems += [f"{name}: no picture '{alt}'" for alt in broken]
            if name in SHOWN:
                browser.picture(pictures / f"docs_{name}_{width}.png")
    browser.size(1400, 1000)
    assert problems == []
