// SPDX-License-Identifier: GPL-2.0-only
// What a person watches: on a terminal one moving line and failures as they come, in a pipe plain
// lines; at the end a summary.
#pragma once

#include "host_runner/report/output.hpp"
#include "host_runner/report/plain_text.hpp"
#include "host_runner/report/run_record.hpp"
#include "host_runner/report/terminal.hpp"
#include "host_runner/report/text_failure.hpp"

#include <chrono>
#include <functional>

namespace vmrunit::runner {

struct ConsoleOptions {
    Terminal terminal;
    bool verbose = false;         ///< A line for every case.
    bool brief = false;           ///< No line for a case and no summary but its last line.
    std::size_t most_blocks = 50; ///< Failures shown in full; the rest get a line each.
    std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;
};

class Console final : public Reporter {
public:
    /// `record` is kept by somebody who hears everything before the console does.
    Console(Output& output, const RunRecord& record, ConsoleOptions options)
        : output_{output}, record_{record}, options_{std::move(options)} {}

    void run_started(const RunInfo& info) override;
    void case_started(std::string_view name) override;
    void case_finished(const CaseResult& result) override;
    void case_to_be_retried(const CaseResult& so_far) override;
    void machine_event(const MachineEvent& event) override;
    void idle() override { draw(); }
    void run_finished(const RunSummary& summary) override;
    /// A line that is about the run and not about a case.
    void notice(std::string_view text) { print(one_line(text) + '\n'); }
    [[nodiscard]] std::optional<Error> trouble() const override { return output_.trouble(); }

private:
    void print(const std::string& text);
    void draw();
    void draw_if_due();
    void progress_by_count();
    [[nodiscard]] std::string progress_text(std::size_t width) const;
    [[nodiscard]] bool deserves_line(const CaseResult& result) const;
    [[nodiscard]] BlockLayout block_layout() const;

    Output& output_;
    const RunRecord& record_;
    ConsoleOptions options_;
    VerdictCounts counts_;
    std::size_t planned_ = 0;
    std::size_t blocks_ = 0;
    std::string current_;
    bool line_shown_ = false;
    std::chrono::steady_clock::time_point started_;
    std::chrono::steady_clock::time_point drawn_;
};

} // namespace vmrunit::runner
