#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs on lab machines that are disturbed: Ctrl-C while cases run and while a kernel boots, the
runner killed. What had a verdict is on disk, and no machine and no file is left."""

import signal
import subprocess
import sys
import unittest

from end_to_end import PATIENCE, VMRUNIT, EndToEnd, children_of, is_running, wait_until

LAB = "lab:6.12"
HARMLESS = "intercept/cpuid/taken/l2_long64/cpl0/np1/l1_long64"
# Enough to be under way for a while.
FILTER = ["intercept/cr0_*"]
SKIPPED = 77


class DisturbedLab(EndToEnd):
    target = LAB

    def setUp(self):
        super().setUp()
        self.output = self.folder / "output"

    def start_lab_run(self, *arguments):
        """A run, and its first machine as soon as that boots."""
        with self.output.open("w", encoding="utf-8") as output:
            process = self.start_run(*FILTER, *arguments, stdout=output, start_new_session=True)
        # Before, it asks its programs what they are.
        wait_until(self.journal, "the run begins")
        return process, wait_until(lambda: children_of(process.pid), "its machine starts")

    def passed(self):
        """How many cases have, as far as the disk knows. What is skipped needs no machine."""
        return sum(line["type"] == "result" and line["verdict"] == "PASS"
                   for line in self.journal())

    def wait_for_results(self, count):
        wait_until(lambda: self.passed() >= count, f"{count} results")

    def expect_no_machine(self, machines):
        wait_until(lambda: not any(map(is_running, machines)), "the machines end", 20)

    def test_control_c_while_cases_run(self):
        process, _ = self.start_lab_run("--jobs", "2")
        self.wait_for_results(200)
        machines = children_of(process.pid)
        self.assertEqual(len(machines), 2)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(PATIENCE), 130)
        self.assertIn("interrupted", self.output.read_text(encoding="utf-8").lower())
        self.expect_no_machine(machines)
        self.assertGreaterEqual(self.passed(), 200)

    def test_control_c_while_a_kernel_boots(self):
        process, machines = self.start_lab_run()
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(PATIENCE), 130)
        self.expect_no_machine(machines)

    def test_runner_killed(self):
        process, machines = self.start_lab_run()
        self.wait_for_results(20)
        process.kill()
        process.wait(PATIENCE)
        self.expect_no_machine(machines)
        self.assertGreaterEqual(self.passed(), 20)


def the_kernel_is_here():
    """It is fetched on first use."""
    done = subprocess.run([*VMRUNIT, "run", "--target", LAB, HARMLESS], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode == 99 and "check the network" in done.stdout:
        print(done.stdout)
        return False
    return True


if __name__ == "__main__":
    if not the_kernel_is_here():
        sys.exit(SKIPPED)
    unittest.main(argv=sys.argv)
