#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Switches of `run` and what builds on it, on QEMU: --failed, --retries, --fail-fast, --repeat,
--timeout, --seed, shards, every format, `step`, and `diff` of targets that are run now.

live_test.py VMRUNIT PAYLOAD
"""

import json
import pathlib
import re
import sys

from command import CommandTest, main
from subjects import CASE, LOOP, UNHARMED, broken_payload, qemu

PAYLOAD = pathlib.Path(sys.argv[2]).resolve()
FEW = "intercept/cpuid/taken"


class Live(CommandTest):
    def setUp(self):
        super().setUp()
        self.bad = broken_payload(PAYLOAD, self.path("bad.elf"))

    def run_json(self, *arguments, status=0, **more):
        out = [] if "--json" in arguments else ["--json", "out.json"]
        ran = self.vmrunit("run", "--target", "qemu", *out, *arguments, **more)
        self.check(ran, status)
        return json.loads(self.path("out.json").read_text(encoding="utf-8")) if out else None

    @staticmethod
    def verdicts(report):
        return [(result["name"], result["verdict"]) for result in report["results"]]


class Failed(Live):
    def test_reruns_what_failed_on_the_target_that_it_failed_on(self):
        self.run_json(CASE, UNHARMED, "--payload", self.bad, status=1)
        again = self.vmrunit("run", "--failed", "--json", "out.json")
        self.check(again, 0, "1 passed")
        report = json.loads(self.path("out.json").read_text(encoding="utf-8"))
        self.assertEqual(self.verdicts(report), [(CASE, "PASS")])
        self.assertEqual(report["target"]["name"], "qemu")
        self.check(self.vmrunit("run", "--failed"), 64, "none of these cases failed in",
                   stream="stderr")

    def test_without_a_run(self):
        self.check(self.vmrunit("run", "--failed"), 64, "has no finished run", stream="stderr")


class Retries(Live):
    def flaky_qemu(self):
        return qemu(self.path("qemu"), PAYLOAD, self.bad, self.path("once"))

    def test_flaky_is_reported_and_passes(self):
        report = self.run_json(CASE, UNHARMED, "--qemu", self.flaky_qemu(), "--retries", "2",
                               "--ktap", "k", "--junit", "j", "--lava", "l", "--html", "h",
                               "--kvm-unit-tests", "u", "--kcidb", "c", "--kcidb-build", "a:b",
                               "--history", "h.db")
        results = {result["name"]: result for result in report["results"]}
        self.assertEqual(len(report["results"]), 2)
        self.assertTrue(results[CASE]["flaky"])
        self.assertEqual([a["verdict"] for a in results[CASE]["attempts"]],
                         ["FAIL", "PASS"])
        self.assertNotIn("attempts", results[UNHARMED])
        self.assertEqual((report["summary"]["pass"], report["summary"]["flaky"]), (2, 1))
        self.assertIn("# FLAKY FAIL (", self.path("k").read_text())
        self.assertIn("<flakyFailure ", self.path("j").read_text())
        self.assertIn(f"FLAKY {CASE.replace('/', '.')}: FAIL (", self.path("l").read_text())
        self.assertIn(f"PASS: {CASE}: FLAKY: FAIL (", self.path("u").read_text())
        self.assertIn("<h2>Flaky (1)</h2>", self.path("h").read_text(encoding="utf-8"))
        told = json.loads(self.path("c").read_text(encoding="utf-8"))["tests"]
        self.assertEqual([test["path"].split(".")[2] for test in told if "flaky" in test["misc"]],
                         ["cpuid"])
        self.check(self.vmrunit("history", "--history", "h.db", CASE), 0, "    f  ",
                   "flake rate 100.0 %", "last: FLAKY  FAIL (")

    def test_strict_and_bisect_do_not_trust_it(self):
        self.run_json(CASE, "--qemu", self.flaky_qemu(), "--retries", "1", "--strict", status=1)
        self.path("once").unlink()
        self.check(self.vmrunit("step", CASE, "--target", "qemu", "--retries", "1", "--qemu",
                                self.path("qemu")), 125, "1 flaky")

    def test_what_fails_again_stays_a_failure(self):
        report = self.run_json(CASE, "--payload", self.bad, "--retries", "2", status=1)
        self.assertEqual(self.verdicts(report), [(CASE, "FAIL")])
        self.assertEqual(len(report["results"][0]["attempts"]), 3)
        self.assertNotIn("flaky", report["results"][0])

    def test_several_machines_and_one_for_each_case(self):
        for more in (("--jobs", "2"), ("--isolate",)):
            report = self.run_json(FEW, "--qemu", self.flaky_qemu(), "--retries", "1", *more)
            self.assertEqual(report["summary"]["fail"], 0)
            self.assertGreaterEqual(report["summary"]["flaky"], 1)
            self.assertEqual(len(report["results"]), report["run"]["cases"])
            self.path("once").unlink()

    def test_a_number_that_makes_no_sense_is_refused(self):
        for number in ("-1", "101", "99999999999999999999", "two", ""):
            self.check(self.vmrunit("run", CASE, "--target", "qemu", "--retries", number), 64,
                       "--retries", stream="stderr")

    def test_without_retries_it_fails(self):
        self.run_json(CASE, "--qemu", self.flaky_qemu(), status=1)


class Switches(Live):
    def test_fail_fast_ends_at_the_first_failure(self):
        """To the case, though the machine, or another one, has run ahead."""
        for more in ((), ("--jobs", "2"), ("--isolate",)):
            report = self.run_json(FEW, "--payload", self.bad, "--fail-fast", *more, status=1)
            self.assertEqual([verdict for _, verdict in self.verdicts(report)].count("FAIL"), 1)
            self.assertEqual(report["results"][-1]["verdict"], "FAIL")
            self.assertGreater(report["run"]["cases"], len(report["results"]))
            self.assertIn("stopped at a failure", report["run"]["why_incomplete"])
        self.check(self.vmrunit("run", "--fail-fast", "--retries", "1"), 64, stream="stderr")

    def test_repeat(self):
        report = self.run_json(CASE, "--repeat", "3")
        self.assertEqual(self.verdicts(report), [(CASE, "PASS")] * 3)

    def test_seed_decides_the_order(self):
        orders = [[name for name, _ in self.verdicts(self.run_json(FEW, "--shuffle", "--seed", seed))]
                  for seed in ("7", "7", "8")]
        self.assertEqual(orders[0], orders[1])
        self.assertNotEqual(orders[0], orders[2])
        for options in (("--shuffle",), ("--gtest_shuffle",)):  # Whoever chose it, it is told.
            first = self.run_json(FEW, *options)
            self.assertNotEqual(first["run"]["seed"], 0)
            again = self.run_json(FEW, "--shuffle", "--seed", str(first["run"]["seed"]))
            self.assertEqual(self.verdicts(first), self.verdicts(again))
        self.assertEqual(self.run_json(FEW, "--seed", "7")["run"]["seed"], 0)
        self.assertEqual(sorted(orders[0]), sorted(orders[2]))

    def test_shards_are_a_partition(self):
        names = []
        for index in "012":
            shard = self.run_json(FEW, environment={"GTEST_TOTAL_SHARDS": "3",
                                                    "GTEST_SHARD_INDEX": index})
            self.assertTrue(shard["results"])
            names += [name for name, _ in self.verdicts(shard)]
        listed = self.vmrunit("list", FEW).stdout.split()
        self.assertEqual(sorted(names), sorted(listed))

    def test_reports_of_shards_become_one(self):
        for index in "01":
            self.run_json(FEW, "--json", f"shard{index}.json",
                          environment={"GTEST_TOTAL_SHARDS": "2", "GTEST_SHARD_INDEX": index})
        shards = ["shard0.json", "shard1.json"]
        self.check(self.vmrunit("report", *shards, "--json", "all.json", "--junit", "all.xml",
                                "--html", "all.html"), 0)
        whole = json.loads(self.path("all.json").read_text(encoding="utf-8"))
        listed = self.vmrunit("list", FEW).stdout.split()
        self.assertEqual(sorted(name for name, _ in self.verdicts(whole)), sorted(listed))
        self.assertTrue(whole["run"]["complete"])
        self.assertEqual(whole["summary"]["total"], len(listed))
        self.assertIn(f'tests="{len(listed)}"', self.path("all.xml").read_text())
        self.check(self.vmrunit("report", *shards), 0, f"of {len(listed)} cases in")
        for files, said in [(["shard0.json"] * 2, "is shard 0 of 2 once more"),
                            (["shard0.json", "all.json"], "all.json is no shard")]:
            self.check(self.vmrunit("report", *files, "--json", "part.json"), 64, said,
                       stream="stderr")
        third = json.loads(self.path("shard1.json").read_text(encoding="utf-8"))
        third["run"]["shard"] = {"index": 2, "total": 3}
        self.path("third.json").write_text(json.dumps(third))
        self.check(self.vmrunit("report", "shard0.json", "third.json"), 64, "one of 3 shards",
                   stream="stderr")
        for index in "02":
            self.run_json(FEW, "--json", f"of3-{index}.json",
                          environment={"GTEST_TOTAL_SHARDS": "3", "GTEST_SHARD_INDEX": index})
        self.check(self.vmrunit("report", "of3-0.json", "of3-2.json"), 64, "shard 1 of 3 is missing",
                   stream="stderr")
        other = json.loads(self.path("shard1.json").read_text(encoding="utf-8"))
        other["target"]["name"] = "bochs"
        self.path("other.json").write_text(json.dumps(other))
        self.check(self.vmrunit("report", "shard0.json", "other.json"), 64,
                   "is no shard of the same run", stream="stderr")

    def test_a_shard_without_a_case_is_no_error(self):
        ran = self.vmrunit("run", CASE, "--target", "qemu", "--json", "empty.json",
                           environment={"GTEST_TOTAL_SHARDS": "2", "GTEST_SHARD_INDEX": "1"})
        self.check(ran, 0, "PASS  0 passed, 0 failed: 0 of 0 cases")
        self.check(self.vmrunit("report", "empty.json"), 0)

    def test_failed_keeps_to_the_baseline_of_the_run(self):
        self.run_json("intercept/invd/taken/*", "--baseline", "none", status=1)
        again = self.run_json("intercept/invd/taken/*", "--failed", status=1)
        self.assertEqual({verdict for _, verdict in self.verdicts(again)}, {"FAIL"})

    def test_timeout_is_that_of_a_case(self):
        hung = broken_payload(PAYLOAD, self.path("hung.elf"), LOOP)
        report = self.run_json(CASE, UNHARMED, "--payload", hung, "--timeout", "0.5", status=1)
        results = {result["name"]: result for result in report["results"]}
        self.assertEqual(results[CASE]["timed_out_after_ms"], 500)
        self.assertEqual(results[UNHARMED]["verdict"], "PASS")


class Formats(Live):
    def test_lines_for_lava_and_kvm_unit_tests(self):
        ran = self.vmrunit("run", CASE, UNHARMED, "--target", "qemu", "--payload", self.bad,
                           "--lava", "l", "--kvm-unit-tests", "-")
        self.check(ran, 1, f"FAIL: {CASE}", f"PASS: {UNHARMED}",
                   "SUMMARY: 2 tests, 1 unexpected failure\n",
                   "FAIL vmrunit (2 tests, 1 unexpected failures)\n")
        lava = self.path("l").read_text().splitlines()
        self.assertEqual(lava[0], "<LAVA_SIGNAL_TESTSET START vmrunit.qemu>")
        self.assertEqual(lava[-1], "<LAVA_SIGNAL_TESTSET STOP>")
        shape = re.compile(r"<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=([a-z0-9_.]+) RESULT=(pass|fail) "
                           r"MEASUREMENT=[0-9.]+ UNITS=us>")
        found = dict(shape.fullmatch(line).groups() for line in lava[1:-1])
        self.assertEqual(found, {CASE.replace("/", "."): "fail", UNHARMED.replace("/", "."): "pass"})

    def test_kcidb(self):
        self.check(self.vmrunit("run", CASE, UNHARMED, "--target", "qemu", "--payload", self.bad,
                                "--kcidb", "k.json", "--kcidb-build", "mylab:build-17"), 1)
        report = json.loads(self.path("k.json").read_text(encoding="utf-8"))
        self.assertEqual(report["version"], {"major": 5, "minor": 3})
        known = {"build_id", "id", "origin", "path", "status", "start_time", "duration",
                 "environment", "misc", "comment", "log_excerpt"}
        for test in report["tests"]:
            self.assertEqual((test["build_id"], test["origin"]), ("mylab:build-17", "mylab"))
            self.assertTrue(test["id"].startswith("mylab:"))
            self.assertRegex(test["path"], r"^[.a-zA-Z0-9_-]+$")
            self.assertLessEqual(set(test), known)
        self.assertEqual(len({test["id"] for test in report["tests"]}), 2)
        self.assertEqual({test["path"].split(".")[2]: test["status"] for test in report["tests"]},
                         {"cpuid": "FAIL", "rdtsc": "PASS"})
        for build in ((), ("--kcidb-build", "no_colon"), ("--kcidb-build", "Up:x")):
            self.check(self.vmrunit("run", CASE, "--target", "qemu", "--kcidb", "k.json", *build),
                       64, "ORIGIN:ID", stream="stderr")

    def test_html_tells_what_is_new_since_the_last_run(self):
        self.run_json(CASE, UNHARMED)
        self.run_json(CASE, "--payload", self.bad, "--html", "r.html", status=1)
        page = self.path("r.html").read_text(encoding="utf-8")
        self.assertIn("Since the previous run on this target", page)
        self.assertIn("1 new failure", page)
        self.assertIn("Definition of the case", page)
        self.check(self.vmrunit("run", CASE, "--target", "qemu", "--html", "/no/such/x"), 64,
                   "/no/such", stream="stderr")

    def test_history_of_runs(self):
        for payload in (PAYLOAD, self.bad):
            self.vmrunit("run", CASE, "--target", "qemu", "--payload", payload, "--history", "h.db")
        lines = json.loads(self.vmrunit("history", "--history", "h.db", "--json", CASE).stdout)
        self.assertEqual([line["verdicts"] for line in lines], ["PF"])
        self.path("no.db").write_text("no database" * 99)
        self.check(self.vmrunit("run", CASE, "--target", "qemu", "--history", "no.db"), 64,
                   "history no.db", stream="stderr")


class Step(Live):
    def test_good_bad_and_unknown(self):
        self.check(self.vmrunit("step", CASE, "--target", "qemu"), 0)
        self.check(self.vmrunit("step", CASE, "--target", "qemu", "--payload", self.bad), 1)
        self.check(self.vmrunit("step", CASE, "--target", "qemu", "--qemu", "/no/qemu"), 125)
        self.check(self.vmrunit("step", CASE, "--target", "qemu", "--payload", "/no/file"), 125)
        skipped = "intercept/rdtscp"
        if "skipped" in self.vmrunit("run", skipped, "--target", "qemu").stdout:
            self.check(self.vmrunit("step", skipped, "--target", "qemu,np=0"), 125)

    def test_a_wrong_command_line_is_no_verdict(self):
        for wrong in (["no/such/case"], [CASE, "--bogus"], []):
            self.check(self.vmrunit("step", *wrong), 125)


class DiffOfTargets(Live):
    def test_a_file_against_a_run_now(self):
        self.run_json(CASE, UNHARMED, "--payload", self.bad, status=1)
        ran = self.vmrunit("diff", "out.json", "qemu", CASE)
        self.check(ran, 0, "Fixed (1)")
        ran = self.vmrunit("diff", "qemu", "out.json", CASE)
        self.check(ran, 1, "New failures (1)")

    def test_a_target_that_is_not_here(self):
        self.run_json(CASE)
        self.check(self.vmrunit("diff", "out.json", "qemu@/no/qemu", CASE), 99, "/no/qemu",
                   stream="stderr")


if __name__ == "__main__":
    main()
