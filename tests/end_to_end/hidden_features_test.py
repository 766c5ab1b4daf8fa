#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Rows for CPUs without a feature: they run where a target hides it, and are skipped elsewhere."""

import json
import unittest

from end_to_end import EndToEnd

# What QEMU's emulated CPU has by itself, as vmrunit and as QEMU call it, and a case for its absence.
HIDDEN = {
    "rdtscp": ("rdtscp", "intercept/rdtscp/hidden/order_ud/l2_long64/cpl0/np1/l1_long64"),
    "monitor": ("monitor", "intercept/monitor/hidden/order_ud/l2_prot32/cpl0/np1/l1_long64"),
    "xsave": ("xsave", "intercept/xsetbv/hidden/order_ud/l2_long64/cpl0/np0/l1_long64"),
    "alt_mov_cr8": ("cr8legacy",
                    "intercept/cr8_read/lock_mov_cr0_hidden/order_ud/l2_prot32/cpl0/np1/l1_long64"),
}
# Something else that has to run all the same.
WITNESS = "intercept/cpuid/taken/l2_long64/cpl0/np1/l1_long64"


class HiddenFeatures(EndToEnd):
    def results(self, *settings):
        names = [name for _, name in HIDDEN.values()]
        report = self.folder / "report.json"
        self.execute("run", WITNESS, *names, "--target", ",".join(("qemu", *settings)),
                     "--runs-folder", self.runs, "--json", report)
        results = json.loads(report.read_text(encoding="utf-8"))["results"]
        report.unlink()
        return {one["name"]: one for one in results}

    def test_a_cpu_that_has_them(self):
        results = self.results()
        self.assertEqual(results[WITNESS]["verdict"], "PASS")
        for feature, (_, name) in HIDDEN.items():
            with self.subTest(feature=feature):
                self.assertEqual(results[name]["verdict"], "SKIP")
                self.assertEqual(results[name]["reason"], f"the CPU has {feature}")

    def test_a_cpu_that_has_one_less(self):
        for feature, (setting, name) in HIDDEN.items():
            with self.subTest(feature=feature):
                results = self.results(f"{setting}=off")
                self.assertIn(results.pop(name)["verdict"], ("PASS", "XFAIL"))
                self.assertEqual(results.pop(WITNESS)["verdict"], "PASS")
                for other in results.values():
                    self.assertEqual(other["verdict"], "SKIP", other["name"])


if __name__ == "__main__":
    unittest.main()
