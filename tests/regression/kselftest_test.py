#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's own run_kselftest.sh runs us: installed beside it, with our time limit, and with the
verdict, the skip and the failure it would give any of its tests.

kselftest_test.py VMRUNIT INSTALLER RUNNER: RUNNER is the folder with the kernel's run_kselftest.sh.
"""

import pathlib
import shutil
import subprocess
import sys
import unittest

from command import PATIENCE, CommandTest, main
from subjects import CASE, broken_payload

INSTALLER = pathlib.Path(sys.argv[2]).resolve()
RUNNER = pathlib.Path(sys.argv[3]).resolve()
LINE = "1 selftests: vmrunit: svm_test.sh"


@unittest.skipUnless((RUNNER / "run_kselftest.sh").exists(), "no Linux source to take the runner from")
class Kselftest(CommandTest):
    def setUp(self):
        super().setUp()
        shutil.copytree(RUNNER, self.path("kselftest"))
        self.install = ["sh", str(INSTALLER), str(self.program.parent.parent),
                        str(self.path("kselftest"))]
        subprocess.run(self.install, check=True, timeout=PATIENCE)

    def kselftest(self, arguments, target="qemu"):
        return subprocess.run(["sh", str(self.path("kselftest/run_kselftest.sh")), "-c", "vmrunit"],
                              capture_output=True, text=True, timeout=PATIENCE, check=False,
                              stdin=subprocess.DEVNULL,
                              env={**self.environment, "VMRUNIT_TARGET": target,
                                   "KSELFTEST_SVM_TEST_SH_ARGS": arguments}).stdout

    def test_pass(self):
        said = self.kselftest(CASE)
        self.assertIn(f"\nok {LINE}\n", said)
        self.assertIn("# KTAP version 1\n# 1..1\n", said)
        self.assertIn(f"# ok 1 {CASE}\n", said)
        self.assertEqual(self.path("kselftest/vmrunit/settings").read_text(), "timeout=600\n")

    def test_failure_and_skip(self):
        bad = broken_payload(self.path("kselftest/vmrunit/guest_payloads/case_runner.elf"),
                             self.path("bad.elf"))
        said = self.kselftest(f"{CASE} --payload {bad}")
        self.assertIn(f"# not ok 1 {CASE}\n", said)
        self.assertIn(f"\nnot ok {LINE} # exit=1\n", said)
        self.assertIn(f"\nok {LINE} # SKIP\n", self.kselftest(CASE, "qemu@/no/such/qemu"))

    def test_installing_twice_lists_it_once(self):
        subprocess.run(self.install, check=True, timeout=PATIENCE)
        listed = self.path("kselftest/kselftest-list.txt").read_text().split()
        self.assertEqual(listed, ["vmrunit:svm_test.sh"])

    def test_wrong_folders(self):
        ran = subprocess.run(["sh", str(INSTALLER), "/no/build", str(self.folder)],
                             capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertEqual(ran.returncode, 64)
        self.assertIn("/no/build holds no vmrunit", ran.stderr)


if __name__ == "__main__":
    main()
