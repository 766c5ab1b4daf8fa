#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""`vmrunit diff` over files: right ones, and everything that is none.

diff_test.py VMRUNIT
"""

import json

from command import CommandTest, main
from result_files import case, run, write

NAME = "intercept/cpuid/taken/l2_long64/cpl0/np1/l1_long64"
OTHER = "intercept/cpuid/taken/l2_long64/cpl0/np0/l1_long64"
WRONG = {"verdict": "FAIL", "fields": [("control.exit_code", "0x072 cpuid", "0x081 vmmcall")]}


class Diff(CommandTest):
    def files(self, before, after):
        return write(self.path("a.json"), before), write(self.path("b.json"), after)

    def test_same(self):
        a, b = self.files([case(NAME)], [case(NAME)])
        self.check(self.vmrunit("diff", a, b), 0, "SAME  1 of 1 cases unchanged")

    def test_regression_is_1_and_the_other_way_is_a_mend(self):
        a, b = self.files([case(NAME), case(OTHER)], [case(NAME, **WRONG), case(OTHER)])
        self.check(self.vmrunit("diff", a, b), 1, "New failures (1)",
                   "PASS -> FAIL  control.exit_code 0x081 vmmcall, expected 0x072 cpuid", NAME,
                   "REGRESSION  1 new failure; 1 of 2 cases unchanged")
        self.check(self.vmrunit("diff", b, a), 0, "Fixed (1)", "NO REGRESSION  1 fixed")

    def test_strict_counts_what_is_not_tested_any_more(self):
        a, b = self.files([case(NAME), case(OTHER)],
                          [case(NAME, "SKIP", "needs np", exit_code=""), case(OTHER, exit_code="0x078")])
        self.check(self.vmrunit("diff", a, b), 0, "Newly skipped (1)", "Same verdict, changed (1)",
                   "exit code 0x072 -> 0x078")
        self.check(self.vmrunit("diff", "--strict", a, b), 1, "REGRESSION")

    def test_filter(self):
        a, b = self.files([case(NAME), case(OTHER)], [case(NAME, **WRONG), case(OTHER)])
        self.check(self.vmrunit("diff", a, b, "*/np0/*"), 0, "SAME  1 of 1")
        self.check(self.vmrunit("diff", a, b, "no/such/*"), 64, "no/such/*", stream="stderr")

    def test_markdown(self):
        a, b = self.files([case(NAME)], [case(NAME, **WRONG)])
        self.check(self.vmrunit("diff", a, b, "--markdown", "out.md"), 1, "REGRESSION")
        text = self.path("out.md").read_text(encoding="utf-8")
        self.assertIn("### vmrunit: REGRESSION", text)
        self.assertIn(f"- `{NAME}`", text)
        ran = self.vmrunit("diff", a, b, "--markdown", "-")
        self.check(ran, 1, "### vmrunit: REGRESSION")
        self.assertIn("New failures (1)", ran.stderr)
        self.check(self.vmrunit("diff", a, b, "--markdown", "/no/such/folder/x"), 64,
                   "/no/such/folder", stream="stderr")

    def test_bad_files_are_refused_in_one_line(self):
        good = write(self.path("good.json"), [case(NAME)])
        text = self.path("good.json").read_text(encoding="utf-8")
        other_version = json.dumps({**run([case(NAME)]), "schema_version": 2})
        no_results = run([case(NAME)])
        del no_results["results"]
        # clang-format has no say here: content, and what is said of it
        for content, said in [(text[:len(text) // 2], "cut short"),
                              ("", "empty"),
                              ("{}", "not a result file"),
                              ("[1]", "not a result file"),
                              ('<?xml version="1.0"?>', "not a result file"),
                              ("\x7fELF\x02\x01", "not a result file"),
                              (text.replace(":", ";", 1), "damaged at byte"),
                              (other_version, "version 2 of the results schema, read is version 1"),
                              (json.dumps(no_results), "not a result file"),
                              (text.replace("PASS", "GOOD"), "not a verdict")]:
            self.path("bad.json").write_text(content, encoding="utf-8")
            for pair in ((good, "bad.json"), ("bad.json", good)):
                ran = self.vmrunit("diff", *pair)
                self.check(ran, 64, said, "bad.json", stream="stderr")
                self.assertEqual(ran.stderr.count("\n"), 1, ran.stderr)
                self.assertEqual(ran.stdout, "")

    def test_what_is_neither_file_nor_target(self):
        good = write(self.path("good.json"), [case(NAME)])
        self.check(self.vmrunit("diff", good, "missing.json"), 64,
                   "missing.json is neither a file nor a target", stream="stderr")
        self.path("empty").mkdir()
        self.check(self.vmrunit("diff", good, "empty"), 64, "a folder without results.json",
                   stream="stderr")

    def test_nothing_in_common_is_no_success(self):
        a, b = self.files([case(NAME)], [case(OTHER)])
        self.check(self.vmrunit("diff", a, b), 64, "no case is in both runs", stream="stderr")

    def test_journal_of_a_run_that_died_is_read_and_is_no_success(self):
        """Its last line is cut, as a crash leaves it."""
        head = {key: value for key, value in run([case(NAME), case(OTHER)]).items()
                if key in ("schema_version", "tool", "target", "run", "system")}
        lines = [json.dumps({"type": "run", **head}), json.dumps({"type": "result", **case(NAME)}),
                 json.dumps({"type": "started", "name": OTHER}), '{"type":"resu']
        self.path("results.jsonl").write_text("\n".join(lines), encoding="utf-8")
        good = write(self.path("a.json"), [case(NAME), case(OTHER)])
        self.check(self.vmrunit("diff", good, "results.jsonl"), 99, "No longer run (1)",
                   "B is incomplete: the runner ended in " + OTHER)
        self.check(self.vmrunit("diff", "results.jsonl", good), 0, "A is incomplete")
        self.check(self.vmrunit("diff", good, self.folder), 99, "B is incomplete")


if __name__ == "__main__":
    main()
