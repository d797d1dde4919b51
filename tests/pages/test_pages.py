# SPDX-License-Identifier: GPL-2.0-or-later
"""The pages that uwctl writes, as test_report and test_trace leave them in build/report: that each
may fetch nothing and names its style and script rightly, and, with the word `open`, that a Chromium
opens them so, without a word on the console, at every width, in the dark, in print and without
script. Screenshots lie beside the pages."""
import base64
import glob
import hashlib
import html.parser
import os
import re
import sys
import unittest

import browser

FOLDER = os.path.join(os.environ.get("UW_BUILD", "build").split("/")[0], "report")
PAGES = sorted(glob.glob(f"{FOLDER}/*.html"))
LEAST_PX = 11
OPEN = "open" in sys.argv  # takes half a minute, and a browser


def read(path):
    with open(path, encoding="utf-8") as page:
        return page.read()


def hash_of(text):
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


class Elements(html.parser.HTMLParser):
    VOID = {"meta", "br", "hr", "img", "input", "link"}

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.attributes = [], [], []

    def handle_startendtag(self, tag, attrs):
        self.attributes += attrs

    def handle_starttag(self, tag, attrs):
        self.attributes += attrs
        self.seen.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()


class Structure(unittest.TestCase):
    def test_there_are_pages(self):
        self.assertGreater(len(PAGES), 5, f"{FOLDER}: run build/tests/unit/test_report first")

    def test_policy_names_style_and_script(self):
        for path in PAGES:
            page = read(path)
            policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page).group(1)
            self.assertTrue(policy.startswith("default-src 'none'; "))
            (style,) = re.findall(r"<style>(.*?)</style>", page, re.S)
            (script,) = re.findall(r"<script>(.*?)</script>", page, re.S)
            self.assertIn(f"style-src '{hash_of(style)}'", policy, "look_style_hash in look.c")
            self.assertIn(f"script-src '{hash_of(script)}'", policy, "look_script_hash in look.c")
            self.assertLessEqual(len(script), 4096)

    def test_elements_are_closed_and_fetch_nothing(self):
        for path in PAGES:
            elements = Elements()
            elements.feed(read(path))
            self.assertEqual(elements.open, [], path)
            self.assertFalse({"img", "link", "iframe", "object", "embed", "image", "use"} & set(elements.seen))
            for name, value in elements.attributes:
                self.assertFalse(name.startswith("on") or name in ("src", "style", "xlink:href"), (path, name))
                if name == "href":
                    self.assertRegex(value, r"^#[am]\d+$")


@unittest.skipUnless(OPEN, "no page was opened in a browser: make pages does")
class Opened(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = browser.Browser(browser.find())
        cls.pages = [p for p in PAGES if os.path.basename(p) in
                     ("incident.html", "payback.html", "gap.html", "hostile.html", "schedule.html")]

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()

    def open(self, path, width, **how):
        page = browser.Page(self.browser, path, width, **how)
        self.addCleanup(page.close)
        return page

    def check(self, page, path):
        self.assertEqual(page.requests(), [f"file://{os.path.abspath(path)}"])
        self.assertEqual(page.said(), [])

    def test_nothing_is_asked_for_or_said(self):
        for path in self.pages:
            for width in (1280, 420):
                page = self.open(path, width)
                self.check(page, path)
                page.screenshot(f"{path[:-5]}-{width}.png")
                self.assertLessEqual(page.value("document.documentElement.scrollWidth"), width, path)

    def test_text_is_large_enough(self):
        least = ("Math.min(...[...document.querySelectorAll('body *')].filter(e=>[...e.childNodes].some("
                 "n=>n.nodeType==3&&n.data.trim())&&e.getClientRects().length)"
                 ".map(e=>parseFloat(getComputedStyle(e).fontSize)*"
                 "(e.getCTM&&e.getScreenCTM()?e.getScreenCTM().a:1)))")
        for path in self.pages:
            self.assertGreaterEqual(self.open(path, 400).value(least), LEAST_PX, path)

    def test_texts_of_a_picture_are_whole_and_apart(self):
        # Of the same picture, as they are shown: what sticks out, and what covers what.
        faults = ("[...document.querySelectorAll('.chart')].flatMap(c=>{const e=c.getBoundingClientRect();"
                  "const t=[...c.querySelectorAll('text')].filter(x=>x.getClientRects().length)"
                  ".map(x=>[x.textContent,x.getBoundingClientRect()]);"
                  "return t.flatMap(([s,a],i)=>[...(a.left<e.left-2||a.right>e.right+2?[s+' sticks out']:[]),"
                  "...t.slice(i+1).filter(([,b])=>Math.min(a.right,b.right)-Math.max(a.left,b.left)>1&&"
                  "Math.min(a.bottom,b.bottom)-Math.max(a.top,b.top)>4).map(([o])=>s+' covers '+o)])})")
        for path in self.pages:
            for width in (1280, 700, 420):
                self.assertEqual(self.open(path, width).value(faults), [], f"{path} at {width}")

    def test_dark_print_and_without_script(self):
        (path,) = [p for p in self.pages if p.endswith("incident.html")]
        dark = self.open(path, 1280, dark=True)
        dark.screenshot(f"{path[:-5]}-dark.png")
        self.assertEqual(dark.value("getComputedStyle(document.body).backgroundColor"), "rgb(26, 26, 25)")
        for how in ({"media": "print"}, {"script": False}):
            self.check(self.open(path, 1280, **how), path)

    def test_pointer_says_its_time(self):
        (path,) = [p for p in self.pages if p.endswith("incident.html")]
        page = self.open(path, 1280)
        x, y = page.value("(r=>[r.left+r.width/2,r.top+20])(document.querySelector('.chart').getBoundingClientRect())")
        page.move(x, y)
        self.assertRegex(page.value("document.querySelector('#at b').textContent"), r"^08:00:0[67]\.\d{3}$")
        self.check(page, path)


if __name__ == "__main__":
    if OPEN and not browser.find():
        sys.exit("no Chromium: scripts/deps pages installs one")
    if not OPEN:
        print("pages: they are read, and NOT opened in a browser; 'make pages' does", file=sys.stderr)
    unittest.main(argv=[a for a in sys.argv if a != "open"])
