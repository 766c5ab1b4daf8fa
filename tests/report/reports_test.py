#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What other programs make of our reports: jsonschema, junitparser, xmllint, prove and tappy read
them, a terminal shows them, and neither a crash nor a full disk loses a verdict.

reports_test.py REPORT_SAMPLE SCHEMA MATRIX_SCHEMA: the program that writes the reports of a made-up
run (every verdict once, and a guest that logs whatever could break a format), and the JSON schemas.
"""

import copy
import fcntl
import json
import os
import pathlib
import pty
import struct
import subprocess
import sys
import tempfile
import termios
import unittest

import jsonschema
import junitparser
import tap.parser

SAMPLE = pathlib.Path(sys.argv[1]).resolve()
SCHEMA = json.loads(pathlib.Path(sys.argv[2]).read_text(encoding="utf-8"))
MATRIX_SCHEMA = json.loads(pathlib.Path(sys.argv[3]).read_text(encoding="utf-8"))
PATIENCE = 30
CASES = 8
FINAL = "8 of 8 cases in 2.50 s"
FULL_DISK = "cannot write /dev/full: No space left on device"


def closed(schema):
    """The schema without room for additions: today's writer must not say what is not described."""
    schema = copy.deepcopy(schema)

    def close(node):
        if isinstance(node, dict):
            if "properties" in node and node.get("type") == "object":
                node.setdefault("additionalProperties", False)
            for child in node.values():
                close(child)
        elif isinstance(node, list):
            for child in node:
                close(child)

    close(schema)
    return schema


class Reports(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="vmrunit-reports-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.environment = {k: v for k, v in os.environ.items()
                            if k not in ("NO_COLOR", "KSFT_TAP_LEVEL", "COLUMNS")}
        self.environment["TERM"] = "xterm"

    def path(self, name):
        return str(self.folder / name)

    def sample(self, *arguments, **options):
        command = [str(SAMPLE), "--runs", self.path("runs"), *arguments]
        return subprocess.run(command, stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False,
                              env=self.environment, **{"capture_output": True, **options})

    def only_run(self):
        runs = [entry for entry in (self.folder / "runs").iterdir() if not entry.is_symlink()]
        self.assertEqual(len(runs), 1)
        return runs[0]


class Json(Reports):
    def test_schema_is_a_schema(self):
        jsonschema.Draft7Validator.check_schema(SCHEMA)

    def test_reports_follow_it(self):
        for arguments in ([], ["--only-pass"], ["--flaky"], ["--strict"], ["--interrupt-after", "2"],
                          ["--interrupt-after", "0"]):
            self.sample("--json", self.path("r.json"), *arguments)
            report = json.loads((self.folder / "r.json").read_text(encoding="utf-8"))
            jsonschema.validate(report, closed(SCHEMA))

    def test_schema_refuses_what_is_wrong(self):
        self.sample("--json", self.path("r.json"))
        report = json.loads((self.folder / "r.json").read_text(encoding="utf-8"))
        for spoil in (lambda r: r.update(schema_version=2), lambda r: r.pop("target"),
                      lambda r: r["results"][0].update(verdict="GOOD"),
                      lambda r: r["results"][2].pop("reason"),
                      lambda r: r["results"][0].update(exit_code="72"),
                      lambda r: r["summary"].update(fail=-1)):
            spoilt = copy.deepcopy(report)
            spoil(spoilt)
            with self.assertRaises(jsonschema.ValidationError):
                jsonschema.validate(spoilt, SCHEMA)

    def test_run_folder_has_the_same_report(self):
        self.sample("--json", self.path("r.json"))
        self.assertEqual((self.folder / "r.json").read_bytes(),
                         (self.only_run() / "results.json").read_bytes())
        self.assertTrue((self.folder / "runs/latest/report.txt").exists())


class Matrix(Reports):
    def matrix(self):
        done = self.sample("--matrix", self.path("m.json"))
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return json.loads((self.folder / "m.json").read_text(encoding="utf-8"))

    def test_schema_is_a_schema(self):
        jsonschema.Draft7Validator.check_schema(MATRIX_SCHEMA)

    def test_a_matrix_follows_it(self):
        matrix = self.matrix()
        jsonschema.validate(matrix, closed(MATRIX_SCHEMA))
        self.assertEqual([target["ran"] for target in matrix["targets"]], [True, True, False])
        self.assertEqual(len(matrix["rows"]), CASES + 1)
        self.assertEqual([row["flaky"] for row in matrix["rows"] if "flaky" in row], [[1]])
        grouped = [row for group in matrix["groups"] for row in group["rows"]]
        self.assertEqual(len(grouped), len(set(grouped)))

    def test_schema_refuses_what_is_wrong(self):
        matrix = self.matrix()
        for spoil in (lambda m: m.update(schema_version=2), lambda m: m.pop("groups"),
                      lambda m: m["rows"][0]["verdicts"].append("GOOD"),
                      lambda m: m["targets"][0].pop("results"),
                      lambda m: m["targets"][2].pop("why_not"),
                      lambda m: m["groups"][0].update(topic="weather")):
            spoilt = copy.deepcopy(matrix)
            spoil(spoilt)
            with self.assertRaises(jsonschema.ValidationError):
                jsonschema.validate(spoilt, MATRIX_SCHEMA)


class Junit(Reports):
    def suite(self, *arguments):
        self.sample("--junit", self.path("r.xml"), *arguments)
        lint = subprocess.run(["xmllint", "--noout", self.path("r.xml")], capture_output=True,
                              timeout=PATIENCE, check=False)
        self.assertEqual((lint.returncode, lint.stderr), (0, b""))
        suites = list(junitparser.JUnitXml.fromfile(self.path("r.xml")))
        self.assertEqual(len(suites), 1)
        return suites[0]

    def test_failure_error_and_skipped_are_apart(self):
        suite = self.suite()
        self.assertEqual((suite.tests, suite.failures, suite.errors, suite.skipped), (8, 2, 1, 2))
        kinds = {case.name: type(case.result[0]).__name__ if case.result else "" for case in suite}
        self.assertEqual(kinds, {
            "intercept/cpuid/taken/cpl0": "",
            "intercept/cpuid/next_rip/cpl0": "Failure",
            "intercept/rdpru/taken/cpl0": "Skipped",
            "intercept/hlt/taken/cpl0": "Error",
            "intercept/int3/taken/cpl0": "Skipped",
            "intercept/into/taken/cpl0": "",
            "event/nmi/taken/cpl0": "Failure",
            "fields/tsc_offset/loaded": "",
        })

    def test_counts_are_those_of_the_elements(self):
        for arguments in ([], ["--strict"], ["--interrupt-after", "3"]):
            suite = self.suite(*arguments)
            counted = (suite.tests, suite.failures, suite.errors, suite.skipped)
            suite.update_statistics()
            self.assertEqual((suite.tests, suite.failures, suite.errors, suite.skipped), counted)

    def test_flaky_passes_unless_strict(self):
        for strict in ([], ["--strict"]):
            suite = self.suite("--flaky", *strict)
            flaky = next(case for case in suite if case.name == "a/b/d")
            self.assertEqual([type(result).__name__ for result in flaky.result],
                             ["Failure"] if strict else [])
            self.assertEqual(suite.failures, 2 if strict else 1)

    def test_properties_and_place(self):
        suite = self.suite()
        properties = {p.name: p.value for p in suite.properties()}
        self.assertEqual(properties["target"], "qemu")
        self.assertEqual(properties["qemu.version"], "7.2.22")
        failed = next(c for c in suite if c.name == "intercept/cpuid/next_rip/cpl0")
        self.assertEqual(failed.classname, "intercept.cpuid")
        self.assertEqual(failed._elem.get("file"), "cases/intercept/cpuid.cpp")
        self.assertEqual(failed._elem.get("line"), "41")
        self.assertIn("next_rip", failed.result[0].text)

    def test_hostile_text_arrives_as_text(self):
        suite = self.suite()
        error = next(c for c in suite if c.name == "intercept/hlt/taken/cpl0").result[0]
        self.assertIn('\\x1b[2J\\nok 99 forged\\r]]></failure>&"<x>\\x00', error.message)

    def test_cases_that_did_not_run_are_an_error(self):
        suite = self.suite("--interrupt-after", "3")
        last = list(suite)[-1]
        self.assertEqual(last.result[0].message, "interrupted; 5 of 8 cases did not run")


class Ktap(Reports):
    def lines(self, *arguments):
        self.sample("--ktap", self.path("r.ktap"), *arguments)
        return (self.folder / "r.ktap").read_text(encoding="utf-8").splitlines()

    def test_tappy_reads_every_verdict(self):
        self.lines()
        parsed = list(tap.parser.Parser().parse_file(self.path("r.ktap")))
        plans = [line for line in parsed if line.category == "plan"]
        tests = [line for line in parsed if line.category == "test"]
        self.assertEqual([plan.expected_tests for plan in plans], [CASES])
        self.assertEqual([test.number for test in tests], list(range(1, CASES + 1)))
        self.assertEqual([test.ok for test in tests],
                         [True, False, True, False, True, True, False, True])
        self.assertEqual([test.skip for test in tests].index(True), 2)
        self.assertEqual(tests[1].description.strip(), "intercept/cpuid/next_rip/cpl0")

    def test_prove_agrees(self):
        for arguments, words in ([[], "Failed tests:  2, 4, 7"], [["--only-pass"], "Result: PASS"],
                                 [["--interrupt-after", "3"], "Bailout called"]):
            self.lines(*arguments)
            prove = subprocess.run(["prove", "--exec", "cat", self.path("r.ktap")], text=True,
                                   capture_output=True, timeout=PATIENCE, check=False)
            self.assertIn(words, prove.stdout + prove.stderr)
            self.assertEqual(prove.returncode == 0, arguments == ["--only-pass"])

    def test_version_and_plan_come_first(self):
        self.assertEqual(self.lines()[:2], ["KTAP version 1", "1..8"])

    def test_below_another_level_there_is_no_version(self):
        self.environment["KSFT_TAP_LEVEL"] = "1"
        self.assertEqual(self.lines()[0], "1..8")

    def test_nothing_is_forged(self):
        for line in self.lines():
            self.assertRegex(
                line, r"^(KTAP version 1|1\.\.8|# .*|(not )?ok [1-8] [a-z0-9_/]+( #.*)?)$")
            self.assertTrue(line.isprintable(), line)


class Crash(Reports):
    def test_verdicts_survive_a_kill(self):
        died = self.sample("--ktap", self.path("r.ktap"), "--junit", self.path("r.xml"),
                           "--crash-after", "5")
        self.assertEqual(died.returncode, -9)
        self.assertFalse((self.folder / "r.xml").exists(), "half a report is worse than none")
        ktap = (self.folder / "r.ktap").read_text(encoding="utf-8")
        self.assertTrue(ktap.endswith("INTn intercept\n"), ktap[-200:])

        again = self.sample("--again", str(self.only_run() / "results.jsonl"), "--junit",
                            self.path("a.xml"), "--json", self.path("a.json"))
        self.assertEqual((again.returncode, again.stderr), (0, b""))
        report = json.loads((self.folder / "a.json").read_text(encoding="utf-8"))
        jsonschema.validate(report, closed(SCHEMA))
        self.assertEqual(len(report["results"]), 5)
        self.assertFalse(report["run"]["complete"])
        why = "the runner ended in intercept/into/taken/cpl0; 3 of 8 cases did not run"
        self.assertEqual(report["run"]["why_incomplete"], why)
        suite = next(iter(junitparser.JUnitXml.fromfile(self.path("a.xml"))))
        self.assertEqual([case.name for case in suite][-1], "run")


class Destinations(Reports):
    def test_standard_output_belongs_to_the_format(self):
        for option in ("--ktap", "--junit", "--json"):
            result = self.sample(option, "-")
            self.assertIn(result.stdout[:5], (b"KTAP ", b"<?xml", b"{\n \"s"))
            self.assertNotIn(FINAL.encode(), result.stdout)
            self.assertIn(FINAL, result.stderr.decode())

    def test_only_one_on_standard_output(self):
        result = self.sample("--ktap", "-", "--json", "-")
        self.assertEqual(result.returncode, 64)
        self.assertEqual(result.stderr.count(b"\n"), 1)

    def test_no_folder_for_the_run_is_one_line_and_99(self):
        result = self.sample("--runs", "/proc/nowhere")
        self.assertEqual(result.returncode, 99)
        self.assertEqual(result.stderr.count(b"\n"), 1)
        self.assertIn(b"set XDG_STATE_HOME", result.stderr)

    def test_full_disk_is_one_line_and_99(self):
        for option in ("--ktap", "--junit", "--json"):
            result = self.sample(option, "/dev/full", "--only-pass")
            self.assertEqual(result.returncode, 99, option)
            self.assertEqual(result.stdout.decode().count("vmrunit: " + FULL_DISK), 1)
            self.assertIn("2 of 2 cases", result.stdout.decode())

    def test_standard_output_full(self):
        with open("/dev/full", "wb") as full:
            self.assertEqual(
                self.sample("--only-pass", capture_output=False, stdout=full).returncode, 99)
        self.assertIn("2 of 2 cases", (self.only_run() / "report.txt").read_text(encoding="utf-8"))

    def test_closed_pipe_does_not_kill_the_run(self):
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe:
            result = self.sample("--only-pass", capture_output=False, stdout=pipe)
        self.assertEqual(result.returncode, 99)
        self.assertTrue((self.only_run() / "results.json").exists())

    def test_nothing_is_left_beside_the_reports(self):
        self.sample("--ktap", self.path("r.ktap"), "--junit", self.path("r.xml"), "--json",
                    self.path("r.json"))
        self.assertEqual(sorted(entry.name for entry in self.folder.iterdir()),
                         ["r.json", "r.ktap", "r.xml", "runs"])
        self.assertEqual(sorted(entry.name for entry in self.only_run().iterdir()),
                         ["report.txt", "results.json", "results.jsonl"])


class ExitStatus(Reports):
    def test_of_whole_runs(self):
        for arguments, expected in ((["--only-pass"], 0), ([], 1),
                                    (["--interrupt-after", "2"], 130)):
            self.assertEqual(self.sample(*arguments).returncode, expected, arguments)


class Terminal(Reports):
    """The console behind a pseudo terminal of a given width."""

    def on_terminal(self, *arguments, width=60):
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 25, width, 0, 0))
        process = subprocess.Popen([str(SAMPLE), "--runs", self.path("runs"), *arguments],
                                   stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
                                   env=self.environment)
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 65536):
                shown += piece
        except OSError:  # EIO: nobody has the terminal open any more.
            pass
        os.close(ours)
        process.wait(timeout=PATIENCE)
        return shown.decode().replace("\r\n", "\n")

    def test_colour_and_a_moving_line(self):
        shown = self.on_terminal()
        self.assertIn("\x1b[31mFAIL\x1b[0m", shown)
        self.assertIn("\r\x1b[K[0/8]", shown)

    def test_the_moving_line_is_erased_and_never_too_long(self):
        for width in (30, 60, 200):
            shown = self.on_terminal(width=width)
            pieces = shown.split("\r\x1b[K")
            for piece in pieces[1:]:
                if piece.startswith("["):
                    self.assertNotIn("\n", piece, "progress must not stay on the screen")
                    self.assertLess(len(piece), width)

    def test_no_escape_sequence_of_the_guest_gets_through(self):
        shown = self.on_terminal()
        self.assertNotIn("\x1b[2J", shown)
        self.assertNotIn("\x9b", shown)
        self.assertNotIn("\u202e", shown)

    def test_colour_can_be_refused(self):
        def has_colour(*arguments, **environment):
            self.environment.update(environment)
            shown = self.on_terminal(*arguments).replace("\r\x1b[K", "")
            for name in environment:
                self.environment[name] = "xterm" if name == "TERM" else ""
            return "\x1b[" in shown

        self.assertTrue(has_colour())
        self.assertFalse(has_colour("--color", "never"))
        self.assertFalse(has_colour(NO_COLOR="1"))
        self.assertTrue(has_colour(NO_COLOR=""), "an empty NO_COLOR is none")
        self.assertTrue(has_colour("--color", "always", NO_COLOR="1"))
        self.assertFalse(has_colour(TERM="dumb"))

    def test_a_dumb_terminal_has_no_moving_line(self):
        self.environment["TERM"] = "dumb"
        self.assertNotIn("\x1b", self.on_terminal())

    def test_a_pipe_gets_plain_text(self):
        shown = self.sample().stdout.decode()
        self.assertTrue(all(c == "\n" or c.isprintable() for c in shown))
        self.assertIn("\x1b[31m", self.sample("--color", "always").stdout.decode())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
