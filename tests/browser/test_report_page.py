"""The report's page in a real browser, opened from disk: drawn, quiet, in the light, in the dark and on a phone.

Needs root and no lab; run outside of one, since the browser is fetched when first used.
`REFRESH_PICTURES=1` also renews the picture in docs/how-to/.
"""

import os
from pathlib import Path

import pytest

from saltext.chef_backend.show import page as pages
from saltext.chef_backend.show import timeline
from tests.lab.browser import Browser
from tests.lab.common import CACHE, CHECKOUT
from tests.unit.told import entry, record, whole_run

PICTURES = CACHE.parent / "pictures"
DOCS = Path(CHECKOUT) / "docs" / "how-to" / "report.png"
SIZES = {"desk": (1000, 700), "phone": (360, 740)}
# luminance as WCAG 2 defines it, of the text's and the page's colour
CONTRAST = """(() => { const light = (css) => { const [r, g, b] = css.match(/[0-9.]+/g).map((n) => { n /= 255;
return n <= 0.03928 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const back = light(getComputedStyle(document.body).backgroundColor);
return Math.min(...[...document.querySelectorAll("h1,h3,td,th,caption,.axis,.legend li")].map((e) => {
const text = light(getComputedStyle(e).color); return (Math.max(text, back) + .05) / (Math.min(text, back) + .05); }));
})()"""


@pytest.fixture(name="browser", scope="module")
def fixture_browser(tmp_path_factory):
    """A browser that sees the page of a run that went well, and one of a run full of long words."""
    shown = tmp_path_factory.mktemp("shown")
    os.chmod(shown, 0o755)
    long = entry(60, "be1", "command", "failed", 1.0, argv=["chef-backend-ctl", "x" * 300], status=1)
    for name, entries in (("report.html", whole_run()), ("long.html", [*whole_run(), long])):
        page = pages.page(timeline.build(record(), entries))
        (shown / name).write_text(page, encoding="utf-8")
    bad = '<div style="width:2000px">x</div><img src="x.png" alt=""><script>console.error(1); nothing()</script>'
    (shown / "bad.html").write_text(bad, encoding="utf-8")
    with Browser(shown) as someone:
        yield someone


def test_what_is_looked_for_is_seen_on_a_bad_page(browser):
    browser.open("bad.html", width=360, height=740, scheme="light")
    assert browser.measure("document.documentElement.scrollWidth") > 360
    assert "file:///shown/x.png" in browser.requests()
    assert len(browser.complaints()) >= 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["report.html", "long.html"])
def test_the_page_is_drawn_asks_for_nothing_and_complains_of_nothing(browser, scheme, size, name):
    width, height = SIZES[size]
    browser.open(name, width=width, height=height, scheme=scheme)
    assert browser.measure("[...document.querySelectorAll('h3')].map(e => e.innerText.split(':')[0])") == [
        "be1", "be2", "be3", "fe1", "fe2", "prod", "failover", "leads", "writes",
    ]  # fmt: skip
    assert browser.measure("document.querySelectorAll('svg rect').length") > 15
    assert browser.measure("Math.min(...[...document.querySelectorAll('svg')].map(e => e.clientHeight))") >= 10
    assert browser.measure("innerWidth") == width
    assert browser.measure("document.documentElement.scrollWidth") <= width
    assert browser.requests() == [f"file:///shown/{name}"]
    assert browser.complaints() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_scheme_with_enough_contrast(browser, scheme):
    browser.open("report.html", width=1000, height=700, scheme=scheme)
    back = browser.measure("getComputedStyle(document.body).backgroundColor")
    assert back == {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}[scheme]
    assert browser.measure(CONTRAST) >= 4.5


def test_every_drawing_and_table_is_named_for_those_who_do_not_see_it(browser):
    browser.open("report.html", width=1000, height=700, scheme="light")
    tree = browser.ask("Accessibility.getFullAXTree")["nodes"]
    named = {(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if not node.get("ignored")}
    images = [name for role, name in named if role == "image" or role == "img"]
    assert len(images) == 9
    assert any(name.startswith("failover: on") and "off" in name for name in images), images
    assert ("table", "Commands that change something") in named


def test_the_picture_of_the_documentation_is_made(browser):
    browser.open("report.html", width=1000, height=1010, scheme="light")
    picture = browser.picture()
    assert picture.startswith(b"\x89PNG")
    assert 10_000 < len(picture) < 200_000
    PICTURES.mkdir(parents=True, exist_ok=True)
    (PICTURES / "report.png").write_bytes(picture)
    if os.environ.get("REFRESH_PICTURES"):
        DOCS.write_bytes(picture)
