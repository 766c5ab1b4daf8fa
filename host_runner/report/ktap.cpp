// SPDX-License-Identifier: GPL-2.0-only
// See ktap.hpp. XFAIL is "ok ... # XFAIL", as kselftest writes it; XPASS has no directive in KTAP
// and is an ok line under a diagnostic, or "not ok" where unexpected passes count as failures.
#include "host_runner/report/ktap.hpp"
#include "host_runner/report/plain_text.hpp"
#include "host_runner/report/text_failure.hpp"

#include <fmt/format.h>

namespace vmrunit::runner {
namespace {

/// A '#' would begin a directive.
std::string without_hash(std::string text) {
    for (std::size_t at = 0; (at = text.find('#', at)) != std::string_view::npos;) {
        text.replace(at, 1, "\\x23");
    }
    return text;
}

/// Each line of `text` as a diagnostic.
std::string diagnostics(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        out += fmt::format("# {}\n", text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return out;
}

std::string directive(const CaseResult& result) {
    const std::string reason = short_reason(result);
    switch (result.verdict) {
    case Verdict::pass:
    case Verdict::unexpected_pass:
        return {};
    case Verdict::fail:
        return result.timed_out_after
                   ? fmt::format(" # TIMEOUT {} milliseconds", result.timed_out_after->count())
                   : std::string{};
    case Verdict::skip:
        return " # SKIP " + reason;
    case Verdict::error:
        return " # ERROR " + reason;
    case Verdict::expected_fail:
        return " # XFAIL " + reason;
    }
    return {};
}

} // namespace

void KtapReporter::run_started(const RunInfo& info) {
    planned_ = info.cases;
    number_ = 0;
    strict_ = info.strict;
    subject_ = subject_text(info);
    std::string head = nested_ ? "" : "KTAP version 1\n";
    head += fmt::format("1..{}\n", planned_);
    head += fmt::format("# vmrunit {} on {}\n", one_line(info.version), subject_);
    output_.write(head);
}

void KtapReporter::case_finished(const CaseResult& result) {
    std::string lines;
    if (result.flaky()) {
        lines = diagnostics("FLAKY " + attempts_text(result));
    }
    bool ok = !(strict_ && result.flaky());
    switch (result.verdict) {
    case Verdict::fail:
    case Verdict::error:
        ok = false;
        lines += diagnostics(failure_block(result, subject_, {}));
        break;
    case Verdict::unexpected_pass:
        ok = !strict_;
        lines += diagnostics("XPASS " + short_reason(result));
        break;
    case Verdict::pass:
    case Verdict::skip:
    case Verdict::expected_fail:
        break;
    }
    lines += fmt::format("{} {} {}{}\n", ok ? "ok" : "not ok", ++number_,
                         without_hash(one_line(result.name)), directive(result));
    output_.write(lines);
}

void KtapReporter::machine_event(const MachineEvent& event) {
    if (event.what == MachineEvent::What::died) {
        output_.write(
            diagnostics(fmt::format("machine {} died: {}", event.machine, one_line(event.text))));
    }
}

void KtapReporter::run_finished(const RunSummary& summary) {
    const VerdictCounts& counts = summary.counts;
    std::string tail = fmt::format("# Totals: pass:{} fail:{} xfail:{} xpass:{} skip:{} error:{}\n",
                                   counts[Verdict::pass], counts[Verdict::fail],
                                   counts[Verdict::expected_fail], counts[Verdict::unexpected_pass],
                                   counts[Verdict::skip], counts[Verdict::error]);
    if (number_ < planned_) {
        tail += fmt::format("# {} of {} cases did not run\nBail out! {}\n", planned_ - number_,
                            planned_, summary.interrupted ? "interrupted" : "no verdict");
    }
    output_.write(tail);
}

} // namespace vmrunit::runner
