// SPDX-License-Identifier: GPL-2.0-only
// Formats of one line for a case, written as results arrive: what LAVA and the readers of
// kvm-unit-tests take from a console.
#pragma once

#include "host_runner/report/output.hpp"
#include "host_runner/report/reporter.hpp"

#include <string>

namespace vmrunit::runner {

/// Each function returns whole lines, or nothing.
struct LineFormat {
    std::string (*head)(const RunInfo& info);
    std::string (*line)(const CaseResult& result, bool strict);
    std::string (*tail)(const RunSummary& summary, bool strict);
};

/// `<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=intercept.cpuid... RESULT=pass MEASUREMENT=... UNITS=...>`
/// within a test set of the target's name. Slashes are dots: an id is part of a URL there.
extern const LineFormat lava_signals;

/// `PASS: name`, `SUMMARY: N tests, ...` and the line of its run_tests.sh, which for us is one
/// test.
extern const LineFormat kvm_unit_tests_lines;

class LineReporter final : public Reporter {
public:
    LineReporter(Output& output, const LineFormat& format) : output_{output}, format_{format} {}

    void run_started(const RunInfo& info) override {
        strict_ = info.strict;
        output_.write(format_.head(info));
    }
    void case_finished(const CaseResult& result) override {
        output_.write(format_.line(result, strict_));
    }
    void run_finished(const RunSummary& summary) override {
        output_.write(format_.tail(summary, strict_));
    }
    [[nodiscard]] std::optional<Error> trouble() const override { return output_.trouble(); }

private:
    Output& output_;
    const LineFormat& format_;
    bool strict_ = false;
};

} // namespace vmrunit::runner
