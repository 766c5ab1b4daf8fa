// SPDX-License-Identifier: GPL-2.0-only
// KTAP version 1 as the kernel's Documentation/dev-tools/ktap.rst defines it: flat, one result line
// per case under its full name, the failure block as diagnostics directly before it. Written line
// by line as results arrive.
#pragma once

#include "host_runner/report/output.hpp"
#include "host_runner/report/reporter.hpp"

namespace vmrunit::runner {

class KtapReporter final : public Reporter {
public:
    /// `nested`: somebody above us printed the version line (KSFT_TAP_LEVEL is set).
    KtapReporter(Output& output, bool nested) : output_{output}, nested_{nested} {}

    void run_started(const RunInfo& info) override;
    void case_finished(const CaseResult& result) override;
    void machine_event(const MachineEvent& event) override;
    void run_finished(const RunSummary& summary) override;
    [[nodiscard]] std::optional<Error> trouble() const override { return output_.trouble(); }

private:
    Output& output_;
    bool nested_;
    bool strict_ = false;
    std::size_t planned_ = 0;
    std::size_t number_ = 0;
    std::string subject_;
};

} // namespace vmrunit::runner
