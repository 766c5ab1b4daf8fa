#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The HTML report as a person meets it: drawn by a headless Chromium, wide and on a phone, light
and dark, by mouse and by keyboard, and without a request to anywhere.

html_test.py VMRUNIT [FOLDER]: with a folder, pictures are left there.
"""

import pathlib
import re
import shutil
import sys

from browser import Browser
from command import CommandTest, main
from result_files import case, write

FOLDER = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else None
HOSTILE = "</script><script>window.harmed = 1</script><img src=//example.invalid/x> \x1b[2J \u202e"
WRONG = [("control.exit_code", "0x072 cpuid", "0x081 vmmcall"), ("save.rip", "0x201000", HOSTILE)]
ENTER, TAB, ESCAPE = "\ue007", "\ue004", "\ue00c"

# Of every text that is shown: its contrast with what lies behind it.
CONTRAST = r"""
const channel = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
const colour = text => (text.match(/[\d.]+/g) || []).map(Number);
const behind = e => { for (; e; e = e.parentElement) { const c = colour(getComputedStyle(e).backgroundColor);
  if (c.length === 3 || c[3] === 1) return c; } return [255, 255, 255]; };
const poor = new Set();
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node; (node = walk.nextNode());) {
  const e = node.parentElement, style = getComputedStyle(e);
  if (!node.data.trim() || !e.offsetParent || e.closest("svg,script,style")) continue;
  const [a, b] = [light(colour(style.color)), light(behind(e))].sort((x, y) => y - x);
  if ((a + 0.05) / (b + 0.05) < 4.5) poor.add(e.className + ": " + node.data.trim().slice(0, 40));
}
return [...poor];
"""


class Page(CommandTest):
    def setUp(self):
        super().setUp()
        if not shutil.which("chromedriver"):
            self.skipTest("there is no chromedriver")

    def write_page(self):
        listed = [name for chosen in (("intercept/cpuid",), ("intercept", "!intercept/cpuid"))
                  for name in self.vmrunit("list", *chosen).stdout.split()]
        names = [name for name in listed if "/l2_" not in name or "/l2_long64/" in name][:600]
        cpuid = [name for name in names if name.startswith("intercept/cpuid/taken/")]
        before = write(self.path("a.json"), [case(name) for name in names], target="lab:6.1")
        results, flaky = [], []
        for number, name in enumerate(names):
            if name in cpuid:
                results.append(case(name, "FAIL", HOSTILE, fields=WRONG, repeat="vmrunit run " + name,
                                    exit_code="0x081",
                                    code=[{"address": "0x201000", "bytes": "0f a2", "text": "cpuid",
                                           "note": "<-- rip"}], guest_log=[HOSTILE]))
            elif number % 11 == 1:
                results.append(case(name, flaky=True, attempts=[
                    {"verdict": "FAIL", "reason": "save.rip"}, {"verdict": "PASS", "reason": ""}]))
                flaky.append(name)
            elif number % 7 == 0:
                results.append(case(name, "SKIP", f"needs feature {number % 3}", exit_code=""))
            elif number % 5 == 0:
                results.append(case(name, "XFAIL", "a known deviation of this subject " * 3,
                                    fields=WRONG[:1]))
            else:
                results.append(case(name, duration_ns=1000 * (number + 1)))
        after = write(self.path("b.json"), results, target="lab:6.12,npt=0",
                      subject="Linux 6.12.95 on QEMU 7.2.22, TCG")
        ran = self.vmrunit("diff", before, after, "--html", "page.html", "--source-url",
                           "https://example.invalid/blob/main/")
        self.check(ran, 1)
        return names, cpuid, flaky

    def test_page(self):
        names, cpuid, flaky = self.write_page()
        with Browser() as browser:
            browser.size(1280, 900)
            browser.requests()  # Those of the empty window it began with.
            browser.open(self.path("page.html"))
            self.renders(browser, names, cpuid)
            self.filter_works(browser, names, cpuid)
            self.shows_flaky(browser, flaky)
            self.keyboard_works(browser)
            self.contrast_is_sane(browser)
            self.fits_a_phone(browser)
            asked = [url for url in browser.requests() if not url.startswith(("data:", "chrome:"))]
            self.assertEqual(asked, [f"file://{self.path('page.html')}"])
            self.assertEqual(browser.complaints(), [])

    def test_matrix(self):
        """A real one: two CPUs of the emulator."""
        ran = self.vmrunit("matrix", "qemu", "qemu,cpu=qemu64,npt=off", "intercept/invd/*/l2_long64/*",
                           "intercept/cpuid/taken*/l2_long64/*", "intercept/cpuid/not_taken*/l2_long64/*",
                           "--runs-folder", "runs", "--html", "matrix.html")
        self.check(ran, 0)
        with Browser() as browser:
            browser.size(1280, 900)
            browser.requests()
            browser.open(self.path("matrix.html"))
            self.matrix_renders(browser)
            self.matrix_filter_works(browser)
            self.contrast_is_sane(browser, "matrix")
            self.fits_a_phone(browser, "matrix", ("differences", "intercepts", "vmcb", "all"))
            asked = [url for url in browser.requests() if not url.startswith(("data:", "chrome:"))]
            self.assertEqual(asked, [f"file://{self.path('matrix.html')}"])
            self.assertEqual(browser.complaints(), [])

    def matrix_renders(self, browser):
        header = browser.run("return document.querySelector('header').innerText")
        for text in ("PASS", "qemu,cpu=qemu64,npt=off", "TCG"):
            self.assertIn(text, header)
        groups = browser.run("return [...document.querySelectorAll('#differences details')]"
                             ".map(e => e.innerText)")
        self.assertTrue(any("XFAIL" in group and "INVD never meets its own intercept" in group
                            for group in groups), groups)
        self.assertFalse(any("intercept/cpuid" in group for group in groups), groups)
        # Two targets that ran: two cells to an intercept bit, two maps of the VMCB.
        bit = ("[...document.querySelectorAll('.bit')].find(b => "
               "b.querySelector('.name').textContent === '%s')")
        for name, sign in (("invd", "~"), ("cpuid", "✓")):
            cells = browser.run(f"return [...{bit % name}.querySelectorAll('.cell')]"
                                ".map(e => e.innerText)")
            self.assertEqual([cell[:1] for cell in cells], [sign, sign], name)
        self.assertEqual(browser.run("return document.querySelectorAll('#vmcb svg').length"), 2)
        self.picture(browser, "matrix_light")

    def matrix_filter_works(self, browser):
        total = int(re.match(r"\d+", self.told(browser))[0])
        for text, least, most in (("", total, total), ("bit:cpuid", 1, total - 1),
                                  ("is:xfail intercept/invd", 1, total - 1), ("is:fail", 0, 0),
                                  ("is:xfail intercept/cpuid", 0, 0)):
            self.set_filter(browser, text)
            count = int(re.match(r"\d+", self.told(browser))[0])
            self.assertTrue(least <= count <= most, f"{text}: {count} of {total}")
        self.set_filter(browser, "is:xfail")
        opened = browser.run("const d = document.querySelector('#list details'); d.open = true;"
                             "d.dispatchEvent(new Event('toggle')); return d.innerText")
        for text in ("cases/intercept/", "qemu,cpu=qemu64,npt=off", "XFAIL", "INVD"):
            self.assertIn(text, opened)
        self.set_filter(browser, "")

    def picture(self, browser, name):
        if FOLDER:
            browser.picture(FOLDER / f"{name}.png")

    def renders(self, browser, names, cpuid):
        self.assertIn("lab:6.12,npt=0", browser.run("return document.title"))
        self.assertEqual(browser.run("return window.harmed === undefined"), True)
        shown = browser.run("return [...document.querySelectorAll('#failures > [data-name]')]"
                            ".map(e => e.dataset.name)")
        self.assertEqual(sorted(shown), sorted(cpuid))
        first = browser.run("return document.querySelector('#failures details').innerText")
        for text in ("control.exit_code", "0x072 cpuid", "0x081 vmmcall", "vmrunit run",
                     "Definition of the case", "APM2 15.9"):
            self.assertIn(text, first)
        self.assertEqual(browser.run("return document.querySelectorAll('.bit').length"), 167)
        cell = browser.run("return [...document.querySelectorAll('.bit')].find(b => "
                           "b.querySelector('.name').textContent === 'cpuid').innerText")
        self.assertIn("✗", cell)
        self.assertIn("✓", cell)
        self.assertGreater(browser.run("return document.querySelectorAll('.vmcb rect.bad').length"), 0)
        self.assertGreater(browser.run("return document.querySelectorAll('.chart i').length"), 3)
        self.assertIn("new failures", browser.run("return document.getElementById('changes').innerText"))
        self.assertIn(f"{len(names)} cases", browser.run("return document.getElementById('told').innerText"))
        self.picture(browser, "desktop_light")

    def told(self, browser):
        return browser.run("return document.getElementById('told').textContent")

    def set_filter(self, browser, text):
        browser.run("const box = document.getElementById('filter'); box.value = arguments[0];"
                    "box.dispatchEvent(new Event('input'))", text)

    def filter_works(self, browser, names, cpuid):
        total = len(names)
        for text, count in (("is:fail", len(cpuid)), (cpuid[0], 1), ("no such words", 0),
                            ("intercept/cpuid TAKEN", sum("intercept/cpuid/" in name and "taken" in name
                                                          for name in names)), ("", total)):
            self.set_filter(browser, text)
            wanted = f"{count} of {total} cases match" if text else f"{total} cases"
            self.assertEqual(self.told(browser), wanted, text)
        self.set_filter(browser, cpuid[0])
        self.assertEqual(browser.run("return [...document.querySelectorAll('#failures > [data-name]')]"
                                     ".filter(e => !e.hidden).map(e => e.dataset.name)"), [cpuid[0]])
        browser.run("document.querySelector('.tile[data-ask=\"is:xfail\"]').click()")
        self.assertRegex(self.told(browser), r"^[1-9]\d* of")
        browser.run("[...document.querySelectorAll('.bit')].find(b => "
                    "b.querySelector('.name').textContent === 'cpuid').click()")
        self.assertEqual(browser.run("return document.getElementById('filter').value"), "bit:cpuid")
        self.assertRegex(self.told(browser), r"^[1-9]\d* of")
        opened = browser.run("const d = document.querySelector('#list details'); d.open = true;"
                             "d.dispatchEvent(new Event('toggle')); return d.innerText")
        self.assertIn("APM2 15.9", opened)
        self.set_filter(browser, "")
        before = browser.run("return document.querySelectorAll('#list details').length")
        browser.run("document.getElementById('more').click()")
        self.assertGreater(browser.run("return document.querySelectorAll('#list details').length"),
                           before)

    def shows_flaky(self, browser, flaky):
        self.assertEqual(browser.run("return [...document.querySelectorAll('#flaky [data-name]')]"
                                     ".map(e => e.dataset.name)"), flaky)
        for text, wanted in (("is:flaky", len(flaky)), (f"is:flaky {flaky[0]}", 1)):
            self.set_filter(browser, text)
            self.assertIn(f"{wanted} of ", self.told(browser))
        # Still what its last attempt was.
        self.set_filter(browser, f"is:pass {flaky[0]}")
        self.assertIn("1 of ", self.told(browser))
        self.set_filter(browser, "")

    def keyboard_works(self, browser):
        browser.run("document.activeElement.blur(); window.scrollTo(0, 0)")
        browser.keys("/")
        self.assertEqual(browser.run("return document.activeElement.id"), "filter")
        browser.keys("c", "p", "u", "i", "d")
        self.assertRegex(self.told(browser), r"^[1-9]\d* of")
        browser.keys(ESCAPE)
        self.assertRegex(self.told(browser), r"^\d+ cases$")
        browser.keys(TAB)
        self.assertEqual(browser.run("return document.activeElement.tagName"), "A")
        self.assertNotEqual(browser.run("return getComputedStyle(document.activeElement).outlineStyle"),
                            "none")
        browser.run("document.querySelector('#failures summary').focus()")
        state = "return document.querySelector('#failures details').open"
        was = browser.run(state)
        browser.keys(ENTER)
        self.assertNotEqual(browser.run(state), was)
        browser.keys(ENTER)

    def contrast_is_sane(self, browser, name="desktop"):
        for scheme in ("light", "dark"):
            browser.scheme(scheme)
            self.assertEqual(browser.run(CONTRAST), [], scheme)
            browser.run("window.scrollTo(0, 0)")
            self.picture(browser, f"{name}_{scheme}")

    def fits_a_phone(self, browser, name="phone",
                     parts=("failures", "intercepts", "vmcb", "timing", "all")):
        for width in (360, 768):
            browser.size(width, 740, phone=True)
            wide = browser.run("return [...document.querySelectorAll('body *')].filter(e => "
                               "e.offsetParent && e.getBoundingClientRect().right > innerWidth + 1 && "
                               "!e.closest('.scroll,pre,nav,svg,.skiplink')).map(e => e.tagName + '.' + "
                               "e.className + ' ' + e.textContent.slice(0, 30))")
            self.assertEqual(wide, [], width)
            self.assertLessEqual(browser.run("return document.documentElement.scrollWidth"), width)
        browser.size(360, 740, phone=True)
        small = browser.run("return Math.min(...[...document.querySelectorAll('button, summary, input')]"
                            ".filter(e => e.offsetParent).map(e => e.getBoundingClientRect().height))")
        self.assertGreaterEqual(small, 20)
        browser.run("window.scrollTo(0, 0)")
        self.picture(browser, f"{name}_phone_dark")
        browser.scheme("light")
        for number, part in enumerate(parts):
            browser.run("document.getElementById(arguments[0]).scrollIntoView()", part)
            self.picture(browser, f"{name}_phone_{number}_{part}")


if __name__ == "__main__":
    main()
