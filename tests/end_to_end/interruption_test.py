#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs that are disturbed: QEMU killed, Ctrl-C, the runner killed, full disks, readers that go
away. What had a verdict is on disk, and neither a process nor a file is left."""

import json
import os
import shutil
import signal
import subprocess
import unittest

from end_to_end import OUTSIDER, PATIENCE, EndToEnd, children_of, is_running, wait_until

HANGING = "outsider/hangs/does_it"
BEFORE = ["outsider/fair/cpuid_taken", "outsider/fair/doubles", "outsider/hangs/before"]
FILTER = ["outsider/fair/cpuid_taken", "outsider/fair/doubles", "outsider/hangs"]
# Nobody waits for this one: the test ends the hang.
NEVER = ["--timeout", "3600", "--baseline", "none"]


class Disturbed(EndToEnd):
    def start_hanging_run(self, *arguments, **options):
        """A run that stands in the middle of a case; returns it and its QEMU."""
        process = self.start_run(*FILTER, *NEVER, *arguments, program=OUTSIDER, **options)
        self.wait_for_start_of(HANGING)
        return process, self.only_child_of(process)

    def expect_results_on_disk(self, more=None):
        found = {line["name"]: line["verdict"] for line in self.journal()
                 if line["type"] == "result"}
        self.assertEqual(found, {**dict.fromkeys(BEFORE, "PASS"), **(more or {})})

    def test_qemu_killed_in_the_middle(self):
        report = self.folder / "report.json"
        process, qemu = self.start_hanging_run("--json", report)
        os.kill(qemu, signal.SIGKILL)
        self.assertEqual(process.wait(PATIENCE), 1)
        results = {one["name"]: one for one in json.loads(report.read_text())["results"]}
        self.assertEqual(results[HANGING]["verdict"], "FAIL")
        self.assertRegex(results[HANGING]["reason"], "^emulator died: QEMU: killed by SIGKILL")
        self.assertEqual(results["outsider/hangs/next"]["verdict"], "PASS")
        self.assertEqual(results["outsider/hangs/next"]["machine"], 2)
        self.assertFalse(is_running(qemu))

    def test_qemu_stopped_in_the_middle(self):
        """A machine that stands still is a hang, whoever stopped it."""
        process = self.start_run(*FILTER, "--timeout", "2", "--baseline", "none", program=OUTSIDER)
        self.wait_for_start_of(HANGING)
        qemu = self.only_child_of(process)
        os.kill(qemu, signal.SIGSTOP)
        self.assertEqual(process.wait(PATIENCE), 1)
        self.expect_results_on_disk({HANGING: "FAIL", "outsider/hangs/next": "PASS"})
        self.assertFalse(is_running(qemu))

    def check_interrupted(self, number, send):
        report, junit = self.folder / "report.json", self.folder / "junit.xml"
        process, qemu = self.start_hanging_run("--json", report, "--junit", junit,
                                               stdout=subprocess.PIPE, start_new_session=True)
        send(process, number)
        output = process.communicate(timeout=PATIENCE)[0].decode()
        self.assertEqual(process.returncode, 130)
        self.assertFalse(is_running(qemu))
        self.expect_results_on_disk()
        # Those who read reports are told that it is not the whole run.
        self.assertFalse(json.loads(report.read_text())["run"]["complete"])
        self.assertTrue(junit.exists())
        self.assertIn("interrupted", output.lower())

    def test_control_c(self):
        # A terminal sends it to the whole group.
        self.check_interrupted(signal.SIGINT,
                               lambda process, number: os.killpg(process.pid, number))

    def test_sigint_for_the_runner(self):
        self.check_interrupted(signal.SIGINT,
                               lambda process, number: process.send_signal(number))

    def test_sigterm(self):
        self.check_interrupted(signal.SIGTERM,
                               lambda process, number: process.send_signal(number))

    def test_runner_killed(self):
        process, qemu = self.start_hanging_run()
        process.kill()
        process.wait(PATIENCE)
        wait_until(lambda: not is_running(qemu), "QEMU dies with its runner", 20)
        self.expect_results_on_disk()

    def test_interrupted_between_start_and_first_case(self):
        process = self.start_run(*FILTER, *NEVER, program=OUTSIDER)
        qemu = wait_until(lambda: children_of(process.pid) or process.poll() is not None,
                          "QEMU starts")
        process.send_signal(signal.SIGINT)
        # While it still asks QEMU what it can do, nobody needs to hear of the end.
        self.assertIn(process.wait(PATIENCE), (130, -signal.SIGINT))
        wait_until(lambda: not any(map(is_running, qemu)), "QEMU ends with the runner")

    # Disks and readers

    def test_full_disk_for_a_report(self):
        for option in ("--json", "--junit", "--ktap"):
            with self.subTest(option=option):
                done = self.execute("run", "--target", "qemu", "--runs-folder", self.runs,
                                    option, "/dev/full", "outsider/fair", program=OUTSIDER,
                                    exit_code=99)
                self.assertIn("cannot write /dev/full: No space left on device",
                              done.stdout + done.stderr)
                # The verdicts are there all the same.
                self.assertEqual(sum(line["type"] == "result" for line in self.journal()), 6)

    def test_full_disk_for_the_run(self):
        mount_point = self.folder / "small"
        mount_point.mkdir()
        unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount",
                                                                    "--map-root-user"]
        script = 'mount -t tmpfs -o size=16k none "$1" && shift && exec "$@"'
        inside = [*unshare, "sh", "-c", script, "sh", str(mount_point)]
        if not shutil.which("unshare") or subprocess.run(
                [*inside, "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
            self.skipTest("no file system can be mounted here")
        done = self.execute("run", "--target", "qemu", "--runs-folder", mount_point,
                            "outsider/fair", "outsider/wrong", "outsider/records_twice",
                            "outsider/begins_twice", "--verbose", program=[*inside, *OUTSIDER],
                            exit_code=99)
        self.assertRegex(done.stdout + done.stderr, "No space left on device")
        self.assertIn("26 of 26 cases", done.stdout)

    def test_folder_that_cannot_be_written(self):
        blocked = self.folder / "file"
        blocked.write_text("not a folder")
        done = self.execute("run", "--target", "qemu", "--runs-folder", blocked,
                            "outsider/fair", program=OUTSIDER, exit_code=99)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn(str(blocked), done.stderr)

    def test_reader_that_goes_away(self):
        read_end, write_end = os.pipe()
        os.close(read_end)
        with os.fdopen(write_end, "wb") as writer:
            process = self.start_run("outsider/fair", program=OUTSIDER, stdout=writer)
            self.assertEqual(process.wait(PATIENCE), 99)
        self.assertEqual(sum(line["type"] == "result" for line in self.journal()), 6)


if __name__ == "__main__":
    unittest.main()
