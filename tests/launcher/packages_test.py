#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The list of packages is well-formed: the launcher reads it with nothing but the shell."""

import re
import unittest

from fake_repository import SOURCE_ROOT

ROW = re.compile(r"^(run|test) +([a-z0-9][a-z0-9+.-]+) +# \S.*$")


class Packages(unittest.TestCase):
    def setUp(self):
        lines = (SOURCE_ROOT / "scripts/packages.txt").read_text().splitlines()
        self.rows = [line for line in lines if line and not line.startswith("#")]

    def test_every_row_has_group_package_and_reason(self):
        self.assertGreater(len(self.rows), 0)
        for row in self.rows:
            self.assertRegex(row, ROW)

    def test_no_package_twice_and_each_group_sorted(self):
        rows = [ROW.match(row).group(1, 2) for row in self.rows]
        self.assertEqual(rows, sorted(rows))
        names = [name for _, name in rows]
        self.assertEqual(len(names), len(set(names)))


if __name__ == "__main__":
    unittest.main()
