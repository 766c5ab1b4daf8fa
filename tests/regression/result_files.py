# SPDX-License-Identifier: GPL-2.0-only
"""Result files of made-up runs, as vmrunit writes them: what the commands that read results are
tested with, without a machine."""

import json


def case(name, verdict="PASS", reason="", exit_code="0x072", fields=(), **more):
    result = {"name": name, "verdict": verdict, "duration_ns": 25000, "machine": 1,
              "masked_bytes": 0, "confirmed": True, "manual": "APM2 15.9",
              "file": "cases/intercept/cpuid.cpp", "line": 41}
    if exit_code:
        result["exit_code"] = exit_code
    if reason:
        result["reason"] = reason
    if fields:
        result["fields"] = [{"field": f, "expected": e, "actual": a, "matches": e == a}
                            for f, e, a in fields]
    return {**result, **more}


def run(cases, target="qemu", subject="QEMU 7.2.22, TCG", started="2026-01-31T12:00:00Z", **more):
    words = ["PASS", "FAIL", "SKIP", "ERROR", "XFAIL", "XPASS"]
    counts = {word.lower(): sum(c["verdict"] == word for c in cases) for word in words}
    return {"schema_version": 1,
            "tool": {"name": "vmrunit", "version": "0.1.0", "payload_build_id": "c0ffee"},
            "target": {"name": target, "subject": subject, "baseline": "", "features": ["np"],
                       "facts": {"qemu.version": "7.2.22"}},
            "run": {"started": started, "cases": len(cases), "seed": 0, "strict": False,
                    "command_line": ["vmrunit", "run"], "complete": True},
            "system": {"kernel.release": "6.1.0"},
            "summary": {"total": len(cases), **counts, "unconfirmed": 0, "masked_bytes": 0,
                        "wall_seconds": 0.5, "interrupted": False,
                        "machines_started": 1, "restarts": 0, "restart_seconds": 0.0,
                        "stale": [], "troubles": []},
            "machines": [], "results": cases, **more}


def write(path, cases, **more):
    path.write_text(json.dumps(run(cases, **more)), encoding="utf-8")
    return str(path)
