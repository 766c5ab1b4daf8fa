#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Wrong rows and a hostile payload, by ring and by port: each gets the verdict it deserves, and no
other case notices.

The rows are those of outsider_table.cpp, the payload is outsider_payload.cpp: both are written on
the project's libraries from outside, so this also shows that outsiders can.
"""

import unittest

from end_to_end import OUTSIDER, EndToEnd

LIMIT = 3  # seconds until a hang is one

# Wrong row -> the field that must be named first among those that are not as expected.
WRONG = {
    "exit_code": "control.exit_code",
    "rip": "save.rip",
    "field": "save.cr3",
    "bits_of_a_field": "save.rflags",
    "reserved_field": "control.reserved_0e8",
    "unchanged_field": "save.cr4",
    "register": "l2.rbx",
    "register_not_mentioned": "l2.rbx",
    "memory": "data+0x0",
    "memory_not_mentioned": "data+0x0",
    "not_intercepted": "control.exit_code",
    "no_fault": "l1.vmrun",
    "fault": "l1.vmrun",
    "routine": "l1.value[0] sum",
}

HANG = f"hang: no record after {LIMIT * 1000} ms"

# Misbehaviour -> verdict and beginning of the reason.
HOSTILE = {
    "hangs": ("FAIL", HANG),
    "triple_faults": ("FAIL", "triple fault: "),
    "faults_in_l1": ("FAIL", HANG),
    "garbage_for_record": ("ERROR", "stream corrupt: its record was lost"),
    "garbage_around_record": ("PASS", ""),
    "truncates_record": ("ERROR", "stream corrupt: its record was lost"),
    "truncates_record_hangs": ("FAIL", HANG),
    "floods_garbage": ("FAIL", HANG + ", "),
    "floods_log": ("FAIL", HANG),
    "floods_then_records": ("PASS", ""),
    "claims_next_number": ("ERROR", "stream corrupt: its record claims to be case number "),
    "claims_unknown_number": ("ERROR", "stream corrupt: its record claims to be case number "
                                       "4294967280"),
    "records_twice": ("PASS", ""),
    "begins_twice": ("PASS", ""),
    "begins_others": ("PASS", ""),
    "records_without_content": ("ERROR", "the record has fewer observations"),
    "ends_early": ("ERROR", "stream corrupt: its record was lost"),
    "says_hello_again": ("FAIL", "triple fault: the payload began anew"),
    "scribbles_over_ring": ("PASS", ""),
    "dies_behind_record": ("PASS", ""),
}


def wrong_fields(result):
    return [field["field"] for field in result.get("fields", []) if not field["matches"]]


class Hostile(EndToEnd):
    def check(self, *options):
        report = self.run_cases("--baseline", "none", "--timeout", LIMIT, *options,
                                program=OUTSIDER, exit_code=1)
        results = {result["name"]: result for result in report["results"]}
        self.assertEqual(sorted(results), sorted(self.names(program=OUTSIDER)))
        self.assertTrue(report["run"]["complete"])

        for name, result in results.items():
            _, subject, what = name.split("/")
            with self.subTest(name=name, reason=result.get("reason")):
                if subject == "wrong":
                    self.assertEqual(result["verdict"], "FAIL")
                    self.assertEqual(wrong_fields(result)[0], WRONG.pop(what))
                elif subject == "absent":
                    self.assertEqual(result["verdict"], "SKIP")
                    self.assertEqual(result["reason"], "the CPU has no sev_snp")
                elif what == "does_it":
                    verdict, reason = HOSTILE[subject]
                    self.assertEqual(result["verdict"], verdict)
                    self.assertTrue(result.get("reason", "").startswith(reason))
                else:
                    self.assertEqual(result["verdict"], "PASS")
        return results

    def setUp(self):
        super().setUp()
        self.wrong = dict(WRONG)
        self.addCleanup(lambda: WRONG.update(self.wrong))

    def test_by_ring(self):
        results = self.check()
        self.assertEqual(WRONG, {}, "every wrong row was seen")
        # Who died is told about, with the guest's last words.
        hang = results["outsider/hangs/does_it"]
        self.assertEqual(hang["timed_out_after_ms"], LIMIT * 1000)
        self.assertIn("the payload misbehaves", hang["guest_log"])
        self.assertIn("last words", results["outsider/faults_in_l1/does_it"]["guest_log"])
        self.assertRegex(results["outsider/floods_garbage/does_it"]["reason"],
                         r", [0-9]+ bytes that were no record$")
        self.assertIn("outsider run outsider/hangs/does_it".split(" ", 1)[1], hang["repeat"])

    def test_by_port(self):
        self.check("--no-ring")
        self.assertEqual(WRONG, {})

    def test_each_alone(self):
        """A misbehaviour on a machine of its own ends in the same way."""
        chosen = [name for name in HOSTILE if HOSTILE[name][1] != HANG]
        chosen.remove("floods_garbage")
        verdicts = self.verdicts("--isolate", "--baseline", "none", "--timeout", LIMIT,
                                 *(f"outsider/{name}/does_it" for name in chosen),
                                 program=OUTSIDER, exit_code=1)
        expected = {f"outsider/{name}/does_it": HOSTILE[name][0] for name in chosen}
        # Alone it is the last one of its plan, so the hello finds nobody to blame but itself.
        self.assertEqual(verdicts, expected)


if __name__ == "__main__":
    unittest.main()
