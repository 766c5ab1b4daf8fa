#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""`vmrunit bisect --tree` over commits of Linux, from the first build to the name of the commit.

kernel_bisect_test.py VMRUNIT [WHAT...]   WHAT is one of kernel_tree.FAULTS, or debian: the mirror is
                                          asked which kernels there are
"""

import pathlib
import re
import shutil
import sys
import unittest

from command import CommandTest
from kernel_tree import FAULTS, NESTED, SOURCE, KernelTree

SKIPPED = 77
BUILD_TOOLS = ("bc", "bison", "flex", "git", "make")
FIRST_BUILD = 2400  # A whole kernel, on processors that others use as well.


class KernelBisect(CommandTest):
    faults = tuple(word for word in sys.argv[2:] if word != "debian")

    def setUp(self):
        super().setUp()
        self.environment["LC_ALL"] = "C"
        self.tree = KernelTree(self.path("tree"))

    def history(self, fault):
        """Branch of a good commit, a note, the fault, a note: the good end, the fault, the bad end."""
        self.tree.git("checkout", "--quiet", "-B", "work", self.tree.base)
        good = self.tree.note("arch/x86/kvm/svm/svm.c", 1)
        self.tree.note(NESTED, 2)
        wrong = self.tree.change(fault.path, fault.before, fault.after, fault.subject)
        self.tree.note("arch/x86/kvm/mmu/mmu.c", 3)
        return good, wrong, self.tree.note("arch/x86/kvm/x86.c", 4)

    def test_each_fault_is_named(self):
        for name in self.faults:
            fault = FAULTS[name]
            with self.subTest(name):
                good, wrong, bad = self.history(fault)
                before = self.tree.git("status", "--porcelain"), self.tree.git("for-each-ref")
                ran = self.vmrunit("bisect", fault.case, "--tree", "tree", "--target", fault.target,
                                   "--good", good, "--bad", bad, timeout=FIRST_BUILD)
                print(ran.stdout, flush=True)
                self.check(ran, 0, f"First bad: {wrong[:7]}", fault.subject, "At the last good",
                           "At the first bad", f"FAIL {fault.case}",
                           f"vmrunit step {fault.case} --target lab,kernel=")
                self.assertEqual(before, (self.tree.git("status", "--porcelain"),
                                          self.tree.git("for-each-ref")))
                # One whole kernel at most; what differs in arch/x86/kvm alone is built alone.
                builds = re.findall(r"(?:good|bad): (kernel|modules) in", ran.stdout)
                self.assertEqual(builds[1:], ["modules"] * (len(builds) - 1), builds)
                self.assertGreaterEqual(len(builds), 4)
                if fault.target != "lab":  # Without the parameter nobody sees it.
                    ran = self.vmrunit("bisect", fault.case, "--tree", "tree", "--good", good,
                                       "--bad", bad, timeout=FIRST_BUILD)
                    self.check(ran, 99, "was called bad and is good", stream="stderr")


@unittest.skipUnless("debian" in sys.argv, "not asked for")
class DebianKernels(CommandTest):
    def test_those_of_debian_are_asked_for(self):
        ran = self.vmrunit("bisect", FAULTS["asid"].case, "--kernels", "debian", "--good", "6.1",
                           "--bad", "nonsense", timeout=600)
        if "check the network" in ran.stderr:
            self.skipTest(ran.stderr)
        self.check(ran, 64, "'6.1' is more than one of the versions", stream="stderr")
        offered = ran.stderr.strip().rsplit("they are ", 1)[1].split(", ")
        numbers = [tuple(map(int, version.split("."))) for version in offered]
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertLess({(6, 1), (6, 12)}, {number[:2] for number in numbers})


def missing():
    """Why nothing can be built here, or an empty text."""
    lacks = [tool for tool in BUILD_TOOLS if not shutil.which(tool)]
    lacks += [] if SOURCE.exists() else [str(SOURCE)]
    lacks += [] if pathlib.Path("/usr/include/libelf.h").exists() else ["libelf.h"]
    return ", ".join(lacks)


if __name__ == "__main__":
    if missing():
        print("not here: " + missing())
        sys.exit(SKIPPED)
    unittest.main(argv=[sys.argv[0]], verbosity=2)
