#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""./test: which packages and builds it makes, its last line and its exit code."""

import json
import unittest

from fake_repository import FakeRepository


class TestCommand(FakeRepository):
    def run_tests(self, *arguments, results=("OK",), exit_code=0):
        """Runs ./test where every run of `meson test` has these results; code and stdout lines."""
        self.set_state("testlog.json", "".join(
            json.dumps({"name": f"test {number}", "result": result}) + "\n"
            for number, result in enumerate(results)))
        self.set_state("meson_test_exit_code", str(exit_code))
        code, out, self.err = self.run_launcher(*arguments, command=self.root / "test")
        return code, out.decode().splitlines()

    def test_everything_in_both_builds(self):
        self.set_state("installed", "")
        code, lines = self.run_tests(results=("OK", "SKIP", "EXPECTEDFAIL"))
        self.assertEqual((code, lines[-1]), (0, "4 passed, 0 failed, 2 skipped"))
        self.assertIn("vmrunit: installing with apt: alpha-dev beta gamma", self.err)
        setups = [call for call in self.calls("meson") if call.startswith("meson setup")]
        runs = [call for call in self.calls("meson") if call.startswith("meson test")]
        self.assertEqual((len(setups), len(runs)), (2, 2))
        self.assertNotIn("sanitize", setups[0])
        self.assertIn("-Db_sanitize=address,undefined", setups[1])
        self.assertNotIn("--suite", runs[0])
        self.assertIn("--suite unit", runs[1])

    def test_arguments_choose_the_tests_of_one_build(self):
        code, lines = self.run_tests("--suite", "unit")
        self.assertEqual((code, lines[-1]), (0, "1 passed, 0 failed, 0 skipped"))
        runs = [call for call in self.calls("meson") if call.startswith("meson test")]
        self.assertEqual(len(runs), 1)
        self.assertTrue(runs[0].endswith("--suite unit"))

    def test_help_installs_and_builds_nothing(self):
        self.set_state("installed", "")
        for option in ("--help", "-h"):
            code, lines = self.run_tests(option)
            self.assertEqual(code, 0)
            self.assertIn("./test [--sanitize] [MESON TEST ARGUMENT...]", lines)
            self.assertEqual(self.calls("meson") + self.calls("ninja"), [])
            self.assertNotIn("installing", self.err)

    def test_sanitized_build_alone(self):
        code, lines = self.run_tests("--sanitize", "one test")
        self.assertEqual((code, lines[-1]), (0, "1 passed, 0 failed, 0 skipped"))
        self.assertTrue(all("build/sanitized" in call for call in self.calls("ninja")))
        self.assertTrue(self.calls("meson")[-1].endswith("one test"))

    def test_failures_are_named(self):
        for result in ("FAIL", "TIMEOUT", "ERROR", "UNEXPECTEDPASS", "INTERRUPT"):
            code, lines = self.run_tests("x", results=("OK", result), exit_code=1)
            self.assertEqual((code, lines[-1]), (1, "1 passed, 1 failed, 0 skipped"))
            self.assertIn(f"failed: test 1 ({result})", lines)

    def test_nothing_passed_is_no_success(self):
        self.assertEqual(self.run_tests("x", results=())[0], 1)
        code, lines = self.run_tests("x", results=("SKIP",))
        self.assertEqual((code, lines[-1]), (1, "0 passed, 0 failed, 1 skipped"))

    def test_run_that_breaks_off_is_a_failure(self):
        code, lines = self.run_tests("x", results=("OK",), exit_code=2)
        self.assertEqual((code, lines[-1]), (1, "1 passed, 1 failed, 0 skipped"))

    def test_log_of_an_earlier_run_is_not_counted(self):
        self.run_tests("x")
        self.clear_state("testlog.json")
        code, out, _ = self.run_launcher("x", command=self.root / "test")
        self.assertEqual(code, 1)
        self.assertTrue(out.endswith(b"\n0 passed, 1 failed, 0 skipped\n"))

    def test_broken_build_runs_nothing(self):
        self.set_state("ninja_fails")
        code, _ = self.run_tests()
        self.assertEqual(code, 99)
        self.assertIn("the build failed", self.err[-1])
        self.assertFalse(any(call.startswith("meson test") for call in self.calls()))

    def test_vmrunit_does_not_build_again_after_it(self):
        self.run_tests()
        self.forget_calls()
        self.assertEqual(self.run_launcher("x")[:2], (0, b"x\0"))
        self.assertEqual(self.calls(), [])


if __name__ == "__main__":
    unittest.main()
