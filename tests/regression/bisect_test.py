#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""`vmrunit bisect` over programs and over the commits of a tree, on QEMU: finds the first bad one,
skips what cannot be tested, goes on after an interrupt, and leaves the user's tree as it was.

bisect_test.py VMRUNIT PAYLOAD
"""

import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

from command import PATIENCE, CommandTest, main
from subjects import CASE, broken_payload, qemu

PAYLOAD = pathlib.Path(sys.argv[2]).resolve()


class Bisect(CommandTest):
    def setUp(self):
        super().setUp()
        self.bad = broken_payload(PAYLOAD, self.path("bad.elf"))

    def bisect(self, *arguments, **more):
        return self.vmrunit("bisect", CASE, "--folder", "work", *arguments, **more)


class Programs(Bisect):
    def programs(self, kinds):
        names = []
        for number, kind in enumerate(kinds):
            path = self.path(f"qemu-{number}")
            if kind != "missing":
                qemu(path, PAYLOAD, None if kind == "good" else self.bad,
                     self.path("once") if kind == "flaky" else None)
            names.append(str(path))
        return ",".join(names)

    def over(self, kinds, *options, good=0, bad=None, **more):
        bad = len(kinds) - 1 if bad is None else bad
        return self.bisect("--qemu-list", self.programs(kinds), "--good", f"qemu-{good}", "--bad",
                           f"qemu-{bad}", *options, **more)

    def test_finds_the_first_bad_one(self):
        for first in (1, 4):
            shutil.rmtree(self.path("work"), ignore_errors=True)
            ran = self.over(["good"] * first + ["bad"] * (5 - first))
            self.check(ran, 0, f"First bad: {self.path(f'qemu-{first}')}", "At the last good",
                       "At the first bad", "control.exit_code",
                       f"vmrunit step {CASE} --target qemu --qemu {self.path(f'qemu-{first}')}")

    def test_what_cannot_be_tested_is_skipped(self):
        kinds = ["good", "good", "good", "missing", "good", "bad", "bad"]
        self.check(self.over(kinds), 0, f"First bad: {self.path('qemu-5')}", "skip: ")

    def test_an_answer_that_skips_hide_names_all_suspects(self):
        self.check(self.over(["good", "missing", "bad"]), 4, "The first bad is one of these",
                   f"  {self.path('qemu-1')}\n  {self.path('qemu-2')}\n")

    def test_what_is_flaky_is_skipped(self):
        self.check(self.over(["good", "flaky", "bad"], "--retries", "1"), 4,
                   "skip: 1 passed, 0 failed, 0 skipped, 0 errors, 1 flaky",
                   "The first bad is one of these")

    def test_goes_on_from_its_log(self):
        kinds = ["good", "good", "bad", "bad"]
        self.check(self.over(kinds), 0)
        for number in range(4):
            self.path(f"qemu-{number}").write_text("#!/bin/sh\nexit 1\n")
        listed = ",".join(str(self.path(f"qemu-{number}")) for number in range(4))
        question = ("--qemu-list", listed, "--good", "qemu-0", "--bad", "qemu-3")
        again = self.bisect(*question)
        self.check(again, 0, "(4 known)", "known from the log",
                   f"First bad: {self.path('qemu-2')}")
        self.check(self.bisect(*question, "--restart"), 99, "not to be tested", stream="stderr")
        self.check(self.bisect("--qemu-list", listed, "--good", "qemu-0", "--bad", "qemu-2"), 64,
                   "log of another bisection", stream="stderr")

    def test_ends_are_verified_first(self):
        self.check(self.over(["bad", "bad", "bad"]), 99, "qemu-0 was called good and is bad",
                   stream="stderr")
        shutil.rmtree(self.path("work"))
        self.check(self.over(["good", "good", "good"]), 99, "qemu-2 was called bad and is good",
                   stream="stderr")

    def test_usage(self):
        listed = self.programs(["good", "bad"])
        for arguments, said in [
                (("--qemu-list", listed, "--good", "qemu-0", "--bad", "qemu-7"), "'qemu-7' is none"),
                (("--qemu-list", listed, "--good", "qemu-0", "--bad", "qemu-0"), "are the same"),
                (("--good", "a", "--bad", "b"), ""),
                (("--qemu-list", listed, "--good", "qemu-0"), "--bad"),
                (("--tree", ".", "--qemu-list", listed, "--good", "a", "--bad", "b"), "")]:
            self.check(self.bisect(*arguments), 64, said, stream="stderr")


class Kernels(Bisect):
    def test_a_folder_of_what_does_not_boot(self):
        self.path("kernels").mkdir()
        for name in ("vmlinuz-6.1", "vmlinuz-6.12"):
            self.path("kernels", name).write_text("none")
        ran = self.bisect("--kernels", "kernels", "--good", "vmlinuz-6.1", "--bad", "vmlinuz-6.12")
        self.check(ran, 99, "not to be tested", stream="stderr")

    def package(self, name):
        """A .deb with a file where kernels lie, which is none."""
        root = self.path("root")
        (root / "DEBIAN").mkdir(parents=True)
        (root / "boot").mkdir()
        (root / "boot/vmlinuz-9.9").write_text("none")
        (root / "DEBIAN/control").write_text(
            "Package: x\nVersion: 1\nArchitecture: amd64\nMaintainer: T <t@localhost>\n"
            "Description: nothing\n")
        subprocess.run(["dpkg-deb", "--build", "--root-owner-group", root, self.path("kernels", name)],
                       check=True, capture_output=True, timeout=PATIENCE)
        shutil.rmtree(root)

    def test_a_folder_of_packages(self):
        self.path("kernels").mkdir()
        for name in ("a_1.deb", "b_2.deb"):
            self.package(name)
        ran = self.bisect("--kernels", "kernels", "--good", "a_1.deb", "--bad", "b_2.deb")
        self.check(ran, 99, "not to be tested", stream="stderr")
        self.assertTrue(self.path("work/unpacked/a_1.deb/boot/vmlinuz-9.9").exists())
        self.path("kernels/a_1.deb").write_text("no package")
        ran = self.bisect("--kernels", "kernels", "--good", "a_1.deb", "--bad", "b_2.deb",
                          "--restart")
        self.check(ran, 99, "cannot be unpacked: dpkg-deb: ", stream="stderr")

    def test_a_folder_without_kernels(self):
        self.path("kernels").mkdir()
        self.check(self.bisect("--kernels", "kernels", "--good", "a", "--bad", "b"), 64,
                   "has fewer than two kernels", stream="stderr")


class Tree(Bisect):
    """A tree whose build makes the payload: of commit n what `flavours` says."""

    FLAVOURS = ("good", "good", "good", "unbuildable", "good", "bad", "bad", "bad", "bad")

    def setUp(self):
        super().setUp()
        self.tree = self.path("tree")
        self.tree.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.commits = []
        (self.tree / "build.sh").write_text(
            "echo . >>builds\n"
            f'case $(cat flavour) in\ngood*) cp "{PAYLOAD}" payload.elf;;\n'
            f'bad*) cp "{self.bad}" payload.elf;;\n*) echo "cannot build this" >&2; exit 1;;\nesac\n')
        for number, flavour in enumerate(self.FLAVOURS):
            (self.tree / "flavour").write_text(f"{flavour} {number}\n")
            self.git("add", ".")
            self.git("commit", "--quiet", "-m", f"Change number {number}")
            self.commits.append(self.git("rev-parse", "HEAD"))

    def git(self, *arguments):
        identity = {"GIT_AUTHOR_NAME": "T", "GIT_AUTHOR_EMAIL": "t@localhost",
                    "GIT_COMMITTER_NAME": "T", "GIT_COMMITTER_EMAIL": "t@localhost"}
        ran = subprocess.run(["git", "-C", str(self.tree), *arguments], check=True, text=True,
                             capture_output=True, timeout=PATIENCE,
                             env={**self.environment, **identity})
        return ran.stdout.strip()

    def state(self):
        """Everything of the user's repository that a bisection could disturb."""
        files = {str(path): path.read_bytes() for path in self.tree.rglob("*")
                 if path.is_file() and path.name != "index"}
        return (self.git("status", "--porcelain"), self.git("worktree", "list"),
                self.git("for-each-ref"), files)

    ARGUMENTS = ("--tree", "tree", "--build", "sh build.sh", "--target", "qemu", "--payload",
                 "{tree}/payload.elf")

    def over(self, good="HEAD~8", bad="HEAD", **more):
        return self.bisect(*self.ARGUMENTS, "--good", good, "--bad", bad, **more)

    def test_names_the_commit_and_leaves_a_dirty_tree_as_it_was(self):
        (self.tree / "flavour").write_text("edited, not committed\n")
        (self.tree / "untracked").write_text("mine\n")
        before = self.state()
        ran = self.over()
        self.check(ran, 0, "First bad: " + self.commits[5][:7], "Change number 5",
                   "At the last good", "Change number 4", "control.exit_code")
        self.assertEqual(self.state(), before)

    def test_a_commit_that_does_not_build_is_skipped(self):
        ran = self.over(good="HEAD~6", bad="HEAD~3")  # 2, 3 (unbuildable), 4, 5
        self.check(ran, 0, "First bad: " + self.commits[5][:7])
        ran = self.bisect(*self.ARGUMENTS, "--good", "HEAD~5", "--bad", "HEAD~3", "--restart")
        self.check(ran, 99, "not to be tested: does not build: cannot build this", stream="stderr")

    def test_the_reason_of_a_failed_build_is_what_the_compiler_said(self):
        for command, said in [("echo one; no-such-compiler; echo two; false",
                               "no-such-compiler: not found"),
                              ("echo 'a.c:1: error: this'; echo 'make: *** that' >&2; false",
                               "a.c:1: error: this"),
                              ("echo this; echo 'make: *** [a.o] Error 1' >&2; false", "this")]:
            ran = self.bisect("--tree", "tree", "--build", command, "--target", "qemu", "--good",
                              "HEAD~8", "--bad", "HEAD", "--restart")
            self.check(ran, 99, "does not build: ", stream="stderr")
            self.assertTrue(ran.stdout.split("  (")[0].endswith(said), ran.stdout)

    def test_questions_about_a_tree_share_a_clone(self):
        state = self.path("state/vmrunit/bisect")
        for bad in ("HEAD", "HEAD~2"):
            ran = self.vmrunit("bisect", CASE, *self.ARGUMENTS, "--good", "HEAD~8", "--bad", bad)
            self.check(ran, 0, "First bad: " + self.commits[5][:7])
        self.assertEqual(len(list(state.glob("tree-*"))), 1)
        self.assertEqual(len(list(state.glob("*/log.jsonl"))), 2)
        with open(next(state.glob("tree-*/lock")), "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            ran = self.vmrunit("bisect", CASE, *self.ARGUMENTS, "--good", "HEAD~8", "--bad", "HEAD")
            self.check(ran, 64, "is in use: another bisection builds there", stream="stderr")

    def test_goes_on_after_an_interrupt(self):
        before = self.state()
        slow = "sh build.sh && sleep 1"
        command = [str(self.program), "bisect", CASE, "--folder", "work", "--tree", "tree",
                   "--build", slow, "--target", "qemu", "--payload", "{tree}/payload.elf",
                   "--good", "HEAD~8", "--bad", "HEAD"]
        running = subprocess.Popen(command, cwd=self.folder, env=self.environment, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        log = self.path("work/log.jsonl")
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and \
                not (log.exists() and log.read_text().count("\n") >= 2):
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=PATIENCE)
        self.assertEqual(running.returncode, 130, errors)
        self.assertIn("the same command goes on", errors)
        known = log.read_text()
        self.assertEqual(self.state(), before)
        ran = subprocess.run(command, cwd=self.folder, env=self.environment, text=True,
                             capture_output=True, timeout=PATIENCE, check=False)
        self.check(ran, 0, "known from the log", "First bad: " + self.commits[5][:7])
        self.assertTrue(log.read_text().startswith(known))
        self.assertEqual(self.state(), before)

    def test_wrong_commits_and_trees(self):
        for good, bad, said in [("HEAD", "HEAD~3", "is no ancestor of"),
                                ("nonsense", "HEAD", "'nonsense' is no commit"),
                                ("HEAD~8", "--all", "'--all' is no commit"),
                                ("HEAD", "HEAD", "are the same")]:
            shutil.rmtree(self.path("work"), ignore_errors=True)
            self.check(self.over(good=good, bad=bad), 64, said, stream="stderr")
        empty = self.path("empty")
        empty.mkdir()
        self.check(self.bisect("--tree", "empty", "--good", "a", "--bad", "b"), 64,
                   "is no git repository", stream="stderr",)
        shutil.rmtree(self.path("work"), ignore_errors=True)
        self.check(self.bisect("--tree", "tree", "--good", "HEAD~1", "--bad", "HEAD"), 64,
                   "is no tree of Linux", stream="stderr")


if __name__ == "__main__":
    os.environ["GIT_CEILING_DIRECTORIES"] = "/tmp"
    main()
