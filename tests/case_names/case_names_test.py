#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The list of case names: it is compact and loses nothing, and the check finds what it is for."""

import contextlib
import io
import itertools
import pathlib
import random
import tempfile
import unittest

import case_names

ALL_AXES = list(itertools.product(("l2_long64", "l2_pae"), ("cpl0", "cpl3"), ("np0", "np1"),
                                  ("l1_long64",)))


class Lines(unittest.TestCase):
    def test_a_product_is_one_line(self):
        names = ["/".join(["intercept/cpuid/taken", *axes]) for axes in ALL_AXES]
        self.assertEqual(case_names.lines_of(names),
                         ["intercept/cpuid/taken l2_{long64,pae} cpl{0,3} np{0,1} l1_long64"])

    def test_a_name_without_axes_stands_for_itself(self):
        self.assertEqual(case_names.lines_of(["a/b/c"]), ["a/b/c"])
        self.assertEqual(case_names.names_of("a/b/c"), ["a/b/c"])

    def test_an_unknown_axis_is_a_part_of_the_name(self):
        self.assertEqual(case_names.lines_of(["a/b/c/cpl0/moon_full/np1"]),
                         ["a/b/c/cpl0/moon_full np1"])

    def test_nothing_is_lost_and_nothing_invented(self):
        chance = random.Random(1)
        for _ in range(200):
            names = {"/".join([base, *axes[chance.choice((0, 2)):]])
                     for base in ("a/b/c", "a/b/c/d", "e/f/g") for axes in ALL_AXES
                     if chance.random() < 0.6}
            lines = case_names.lines_of(names)
            found = [name for line in lines for name in case_names.names_of(line)]
            self.assertEqual(sorted(found), sorted(names))


class Check(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.program = self.folder / "program"
        self.retired("")
        self.present("a/b/c/np0", "a/b/c/np1", "e/f/g")
        self.assertFalse(self.run_quietly(case_names.update)[0])

    def present(self, *names):
        self.program.write_text("#!/bin/sh\n" + "".join(f"echo {name}\n" for name in names))
        self.program.chmod(0o755)

    def retired(self, text):
        (self.folder / "retired.txt").write_text(text)

    def run_quietly(self, command):
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            bad = command(self.folder, str(self.program))
        return bad, output.getvalue()

    def test_same_names_pass(self):
        self.assertEqual(self.run_quietly(case_names.check), (False, "3 names, 0 new, 0 gone\n"))

    def test_a_new_name_fails_until_the_list_has_it(self):
        self.present("a/b/c/np0", "a/b/c/np1", "e/f/g", "e/f/h")
        bad, text = self.run_quietly(case_names.check)
        self.assertTrue(bad)
        self.assertRegex(text, r"not in the list yet:\n  e/f/h\nPut them in: .* update ")
        self.assertFalse(self.run_quietly(case_names.update)[0])
        self.assertFalse(self.run_quietly(case_names.check)[0])

    def test_a_name_that_is_gone_fails_and_cannot_be_updated_away(self):
        self.present("a/b/c/np0", "e/f/g")
        for command in (case_names.check, case_names.update):
            bad, text = self.run_quietly(command)
            self.assertTrue(bad)
            self.assertIn("these are gone", text)
            self.assertIn("  a/b/c/np1\n", text)

    def test_a_retired_name_may_be_gone(self):
        self.present("e/f/g")
        self.retired("# comment\na/b/c/*  the row was a copy of another\n")
        self.assertFalse(self.run_quietly(case_names.check)[0])
        self.assertFalse(self.run_quietly(case_names.update)[0])
        self.assertFalse((self.folder / "a.txt").exists())

    def test_a_retired_name_may_not_come_back(self):
        self.retired("a/b/c/np1 it tested nothing\n")
        bad, text = self.run_quietly(case_names.check)
        self.assertTrue(bad)
        self.assertIn("take them out there", text)

    def test_retiring_needs_a_reason(self):
        self.retired("a/b/c/np1\n")
        with self.assertRaises(SystemExit) as stop:
            case_names.check(self.folder, str(self.program))
        self.assertIn("why", str(stop.exception))

    def test_no_case_at_all_is_no_success(self):
        self.retired("*  everything is gone\n")
        self.present()
        self.assertTrue(self.run_quietly(case_names.check)[0])

    def test_a_line_merged_twice_is_harmless(self):
        path = self.folder / "a.txt"
        path.write_text("a/b/c np0\na/b/c np{0,1}\n")
        self.assertFalse(self.run_quietly(case_names.check)[0])


if __name__ == "__main__":
    unittest.main()
