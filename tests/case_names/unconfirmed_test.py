#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The list of unconfirmed names: results of runs correct it both ways, and a name nobody has fails."""

import contextlib
import io
import json
import pathlib
import tempfile
import unittest

import unconfirmed


class Unconfirmed(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.path = self.folder / "unconfirmed.inc"
        self.list("a/b/never")

    def list(self, *names):
        self.path.write_text(unconfirmed.HEAD + "".join(f'VMRUNIT_UNCONFIRMED("{name}")\n' for name in names))

    def results(self, target, **verdicts):
        """results("qemu", never__np0="PASS") is a run in which a/b/never/np0 passed."""
        lines = [{"type": "run"}]
        for name, verdict in verdicts.items():
            lines.append({"type": "result", "name": "a/b/" + name.replace("__", "/"), "verdict": verdict})
        folder = self.folder / target
        folder.mkdir(exist_ok=True)
        (folder / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        return folder

    def run_quietly(self, command, *arguments):
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            bad = command(self.path, *arguments)
        return bad, output.getvalue()

    def compare(self, *files):
        return self.run_quietly(unconfirmed.compare, *files)

    def test_what_no_target_shows_and_is_listed_is_right(self):
        results = [self.results("qemu", never__np0="XFAIL", never__np1="SKIP", shown__np0="PASS"),
                   self.results("bochs", never__np0="FAIL", shown__np0="FAIL")]
        self.assertEqual(self.compare(*results), (False, ""))

    def test_one_case_on_one_target_confirms_its_name(self):
        results = [self.results("qemu", never__np0="XFAIL", never__np1="XFAIL"),
                   self.results("bochs", never__np0="XFAIL", never__np1="XPASS") / "results.jsonl"]
        bad, text = self.compare(*results)
        self.assertTrue(bad)
        self.assertRegex(text, r"take them out of .*:\n  a/b/never\n$")
        self.run_quietly(unconfirmed.update, *results)
        self.assertEqual(unconfirmed.listed(self.path), set())

    def test_what_never_passed_has_to_be_listed(self):
        results = self.results("qemu", other__l2_pae__cpl0="SKIP")
        bad, text = self.compare(results)
        self.assertTrue(bad)
        self.assertRegex(text, r"put them into .*:\n  a/b/other\n$")
        self.run_quietly(unconfirmed.update, results)
        # It says nothing of what had no result.
        self.assertEqual(unconfirmed.listed(self.path), {"a/b/never", "a/b/other"})
        self.assertEqual(self.compare(results), (False, ""))

    def test_a_variant_is_none_of_its_parent(self):
        results = self.results("qemu", never__more__np0="PASS", never__np0="XFAIL")
        self.assertEqual(self.compare(results), (False, ""))

    def test_no_result_is_an_error(self):
        with self.assertRaises(SystemExit):
            self.compare(self.results("qemu"))

    def test_a_name_that_no_case_has_fails(self):
        program = self.folder / "program"
        program.write_text("#!/bin/sh\necho a/b/never/l2_pae/np0\n")
        program.chmod(0o755)
        self.assertFalse(self.run_quietly(unconfirmed.check, str(program))[0])
        self.list("a/b/never", "a/b/gone")
        bad, text = self.run_quietly(unconfirmed.check, str(program))
        self.assertTrue(bad)
        self.assertRegex(text, r"take them out of .*:\n  a/b/gone\n$")

    def test_a_line_that_is_none_is_an_error(self):
        self.path.write_text("VMRUNIT_UNCONFIRMED(a/b/c)\n")
        with self.assertRaises(SystemExit):
            unconfirmed.listed(self.path)


if __name__ == "__main__":
    unittest.main()
