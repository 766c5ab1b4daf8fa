#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""`vmrunit history`: what several runs leave in one file, and files that are none.

history_test.py VMRUNIT
"""

import json
import sqlite3

from command import CommandTest, main
from result_files import case, write

NAME = "intercept/cpuid/taken/l2_long64/cpl0/np1/l1_long64"


class History(CommandTest):
    def add(self, *runs):
        for number, (verdict, more) in enumerate(runs):
            reason = "" if verdict == "PASS" else "save.rip differs"
            results = write(self.path(f"{number}.json"),
                            [case(NAME, verdict, reason, duration_ns=1000 + number)],
                            started=f"2026-01-31T12:00:0{number}Z", **more)
            self.check(self.vmrunit("history", "--history", "h.db", "--add", results), 0)

    def lines(self, *more):
        ran = self.vmrunit("history", "--history", "h.db", "--json", NAME, *more)
        self.check(ran, 0)
        return json.loads(ran.stdout)

    def test_verdicts_over_targets_versions_and_time(self):
        old, new = {"subject": "QEMU 7.2"}, {"subject": "QEMU 10.0"}
        self.add(("PASS", old), ("PASS", old), ("FAIL", new), ("PASS", {"target": "bochs"}))
        lines = self.lines()
        self.assertEqual([(line["target"], line["subject"], line["verdicts"]) for line in lines],
                         [("bochs", "QEMU 7.2.22, TCG", "P"), ("qemu", "QEMU 7.2", "PP"),
                          ("qemu", "QEMU 10.0", "F")])
        self.assertEqual(lines[2]["last_reason"], "save.rip differs")
        self.assertEqual(lines[1]["last"], "2026-01-31T12:00:01Z")
        self.check(self.vmrunit("history", "--history", "h.db", NAME), 0, NAME, "QEMU 10.0",
                   "last: FAIL  save.rip differs", "flake rate 0.0 %")

    def test_flake_rate_is_within_one_version(self):
        self.add(*[(verdict, {}) for verdict in ("PASS", "FAIL", "PASS", "PASS")])
        self.assertEqual([(line["verdicts"], line["flake_rate"]) for line in self.lines()],
                         [("PFPP", 0.5)])
        self.check(self.vmrunit("history", "--history", "h.db", "--unstable", NAME), 0, "PFPP")

    def test_a_flaky_result_is_unstable_by_itself(self):
        attempts = [{"verdict": "FAIL", "reason": "save.rip"}, {"verdict": "PASS", "reason": ""}]
        for number, more in enumerate(({}, {"attempts": attempts, "flaky": True}, {})):
            results = write(self.path(f"{number}.json"),
                            [case(NAME, duration_ns=1000 + number, **more)],
                            started=f"2026-01-31T12:00:0{number}Z")
            self.check(self.vmrunit("history", "--history", "h.db", "--add", results), 0)
        line = self.lines()[0]
        self.assertEqual((line["verdicts"], round(line["flake_rate"], 2)), ("PfP", 0.33))
        self.check(self.vmrunit("history", "--history", "h.db", "--unstable", NAME), 0, "PfP")

    def test_the_same_run_counts_once(self):
        self.add(("PASS", {}))
        self.add(("PASS", {}))
        self.assertEqual(self.lines()[0]["results"], 1)

    def test_environment_names_the_file(self):
        self.add(("PASS", {}))
        ran = self.vmrunit("history", NAME, environment={"VMRUNIT_HISTORY": "h.db"})
        self.check(ran, 0, "1 result,")

    def test_nothing_is_no_success(self):
        self.add(("PASS", {}))
        self.check(self.vmrunit("history", "--history", "h.db", "intercept/hlt"), 64,
                   "no result of these cases, in 1 runs", stream="stderr")
        self.check(self.vmrunit("history", "--history", "h.db", "no/such"), 64, stream="stderr")
        self.check(self.vmrunit("history", "--history", "h.db"), 64, "no case is named",
                   stream="stderr")

    def test_files_that_are_no_history(self):
        self.check(self.vmrunit("history", "--history", "missing.db", NAME), 64, "no such file",
                   stream="stderr")
        self.path("text.db").write_text("not a database, but long enough to be looked at" * 9)
        self.check(self.vmrunit("history", "--history", "text.db", NAME), 64,
                   "file is not a database", stream="stderr")
        other = sqlite3.connect(self.path("other.db"))
        other.execute("CREATE TABLE mine (x)")
        other.commit()
        other.close()
        self.check(self.vmrunit("history", "--history", "other.db", NAME), 64,
                   "a database of another program", stream="stderr")
        self.add(("PASS", {}))
        newer = sqlite3.connect(self.path("h.db"))
        newer.execute("PRAGMA user_version = 2")
        newer.commit()
        newer.close()
        self.check(self.vmrunit("history", "--history", "h.db", NAME), 64,
                   "written in version 2, read is version 1", stream="stderr")

    def test_a_bad_result_file_adds_nothing(self):
        self.add(("PASS", {}))
        self.path("bad.json").write_text("{")
        self.check(self.vmrunit("history", "--history", "h.db", "--add", "bad.json"), 64,
                   "cut short", stream="stderr")
        self.assertEqual(self.lines()[0]["results"], 1)


if __name__ == "__main__":
    main()
