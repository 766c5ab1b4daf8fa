#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The order of cases does not matter: a reversed run of all cases and shuffled ones of parts give the
verdicts of the plain one, by ring and by port. A case that saw what another left behind would show here.
And of what is listed as unconfirmed the plain run shows nothing."""

import unittest

from end_to_end import EndToEnd

SEEDS = (1, 20260)
# A busy machine may be slow, and no case may hang in one run only. What the baseline does not run hangs.
OPTIONS = ("--timeout", 20)


# Of which the baseline says that it does not show each time, as for instance what an earlier case has
# left behind in the emulator.
NOW_AND_THEN = ("XFAIL", "intermittent")


def outcome(result):
    """What must not depend on the order: the verdict and what it was given for. Not the values: a
    subject that executes RDTSCP where it should not shows another time in every run."""
    if result.get("intermittent"):
        return NOW_AND_THEN
    fields = [field["field"] for field in result.get("fields", []) if not field["matches"]]
    return result["verdict"], tuple(fields) or result.get("reason", "")


class Order(EndToEnd):
    def outcomes(self, *options):
        report = self.run_cases(*OPTIONS, *options, exit_code=0)
        order = [result["name"] for result in report["results"]]
        self.assertEqual(len(order), len(set(order)))
        if not options:
            self.doubted = [result["name"] for result in report["results"]
                            if not result["confirmed"] and result["verdict"] in ("PASS", "XPASS")]
        return order, {result["name"]: outcome(result) for result in report["results"]}

    def assert_same(self, outcomes, plain):
        def same(one, other):
            return one == other or {one, other} == {NOW_AND_THEN, ("PASS", "")}
        differ = {name: (plain.get(name), outcomes.get(name))
                  for name in plain.keys() | outcomes.keys()
                  if not same(plain.get(name), outcomes.get(name))}
        self.assertEqual(dict(list(differ.items())[:5]), {}, f"{len(differ)} cases differ")

    def test_order(self):
        self.plain_order, self.plain = self.outcomes()
        self.assertEqual(sorted(self.plain_order), sorted(self.names()))
        with self.subTest("unconfirmed"):
            self.assertEqual(self.doubted[:5], [], f"{len(self.doubted)} cases pass, so they are "
                             "confirmed: take their names out of cases/unconfirmed.inc")
        with self.subTest("reversed"):
            order, outcomes = self.outcomes("--reverse")
            # A boot has L1 in one mode, so each mode's cases are reversed among themselves.
            of_one_boot = [name for name in self.plain_order
                           if name.endswith("/l1_long64") and self.plain[name][0] != "SKIP"]
            middle = of_one_boot[len(of_one_boot) // 2]
            self.assertGreater(order.index(of_one_boot[0]), order.index(middle))
            self.assert_same(outcomes, self.plain)
        # Another order, and the way of the records has no memory of its own: parts are enough.
        for name, seed, options in (("shuffled", SEEDS[0], ()), ("by port", SEEDS[1], ("--no-ring",))):
            with self.subTest(name):
                self.environment.update(GTEST_TOTAL_SHARDS="8", GTEST_SHARD_INDEX="3")
                order, outcomes = self.outcomes("--shuffle", "--seed", seed, *options)
                self.assertGreater(len(order), 1000)
                self.assert_same(outcomes, {one: self.plain[one] for one in order})


if __name__ == "__main__":
    unittest.main()
