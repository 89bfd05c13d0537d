"""`compare.html` in a browser: its figures are drawn, and it needs nothing but itself."""

import pytest

from rnnlab.cli import main

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def page(logs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared")
    with pytest.raises(SystemExit) as stopped:
        main(["compare", str(logs), f"output={folder / 'out'}"])
    assert stopped.value.code == 0
    return folder / "out" / "compare.html"


def test_figures_are_drawn_without_the_network(browser, page, pictures):
    browser.open(page.as_uri())
    images = browser.until(
        lambda: (found := browser.images) and all(each["width"] for each in found) and found,
        "figures",
    )
    browser.picture(pictures / "compare.png")
    assert len(images) >= 2
    assert len({each["alt"] for each in images}) == len(images)
    for each in images:
        assert each["width"] > 300
        assert each["height"] > 100
        assert each["colours"] is None or each["colours"] > 10  # not an empty frame
    text = browser.text
    assert "Results" in text
    assert all(cell in text for cell in ("gru", "lstm"))
    requests = browser.requests
    assert requests[0] == page.as_uri()
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    assert browser.complaints == []


def test_a_request_would_be_noticed(browser, tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<!DOCTYPE html><p>Hello</p><img src="http://127.0.0.1:9/none.png">')
    browser.open(page.as_uri())
    browser.until(lambda: "Hello" in browser.text, "the page")
    assert "http://127.0.0.1:9/none.png" in browser.requests
    assert browser.images[0]["width"] == 0
