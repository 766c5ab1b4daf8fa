// SPDX-License-Identifier: GPL-2.0-only
// See summary_text.hpp.
#include "host_runner/report/summary_text.hpp"
#include "host_runner/report/json_values.hpp"
#include "host_runner/report/paint.hpp"
#include "host_runner/report/plain_text.hpp"
#include "host_runner/report/text_failure.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <map>

namespace vmrunit::runner {
namespace {

double seconds(std::chrono::nanoseconds time) {
    return std::chrono::duration<double>(time).count();
}

/// "1 case", "2 cases"
std::string counted(std::uint64_t count, std::string_view one, std::string_view more) {
    return fmt::format("{} {}", count, count == 1 ? one : more);
}

/// "label      text", broken at blanks so that each line fits.
std::string entry(std::string_view label, std::string_view text, std::size_t width) {
    constexpr std::size_t indent = 15;
    const std::size_t room = std::max<std::size_t>(width, indent + 20) - indent;
    std::string out = padded(fmt::format("  {}", label), indent);
    std::size_t used = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        const std::string_view word = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (used != 0 && used + 1 + columns(word) > room) {
            out += '\n' + std::string(indent, ' ');
            used = 0;
        } else if (used != 0) {
            out += ' ';
            ++used;
        }
        out += word;
        used += columns(word);
    }
    return out + '\n';
}

std::vector<const CaseResult*> with_verdict(const RunRecord& record, Verdict verdict) {
    std::vector<const CaseResult*> found;
    for (const CaseResult& result : record.results) {
        if (result.verdict == verdict) {
            found.push_back(&result);
        }
    }
    return found;
}

/// Names and reasons, one a line, under a heading that counts them.
void append_names(std::string& out, const RunRecord& record, Verdict verdict,
                  const std::string& heading, const SummaryLayout& layout) {
    const auto found = with_verdict(record, verdict);
    if (found.empty()) {
        return;
    }
    const Paint paint{layout.colour};
    out += fmt::format("\n{} ({})\n", paint.in(Paint::style(verdict), heading), found.size());
    for (std::size_t at = 0; at < std::min(found.size(), layout.most_names); ++at) {
        const std::string name = one_line(found[at]->name);
        const std::string reason = short_reason(*found[at]);
        const std::size_t used = 4 + columns(name) + 2;
        out += fmt::format("    {}", name);
        if (!reason.empty() && used + 10 < layout.width) {
            out += "  " + fitted(reason, layout.width - used);
        }
        out += '\n';
    }
    if (found.size() > layout.most_names) {
        out +=
            fmt::format("    ... and {} more, in the report\n", found.size() - layout.most_names);
    }
}

/// Cases of one verdict by their reason, the most frequent first.
void append_reasons(std::string& out, const RunRecord& record, Verdict verdict,
                    const std::string& heading, const SummaryLayout& layout) {
    std::map<std::string, std::size_t> frequency;
    for (const CaseResult* result : with_verdict(record, verdict)) {
        ++frequency[shared_reason(*result)];
    }
    if (frequency.empty()) {
        return;
    }
    std::vector<std::pair<std::string, std::size_t>> reasons(frequency.begin(), frequency.end());
    std::ranges::stable_sort(reasons, std::ranges::greater{},
                             [](const auto& r) { return r.second; });
    out += fmt::format("\n{}\n", heading);
    for (std::size_t at = 0; at < std::min(reasons.size(), layout.most_names); ++at) {
        const auto& [reason, count] = reasons[at];
        out += fmt::format("  {:5}  {}\n", count,
                           fitted(reason.empty() ? "no reason given" : reason, layout.width - 9));
    }
    if (reasons.size() > layout.most_names) {
        out += fmt::format("         ... and {} more reasons, in the report\n",
                           reasons.size() - layout.most_names);
    }
}

void append_flaky(std::string& out, const RunRecord& record, const SummaryLayout& layout) {
    const std::size_t count = record.counts().flaky;
    std::size_t shown = 0;
    if (count != 0) {
        out += fmt::format("\nFlaky: another verdict when run again ({})\n", count);
    }
    for (const CaseResult& result : record.results) {
        if (result.flaky() && shown++ < layout.most_names) {
            out += "    " +
                   fitted(fmt::format("{}  {}", one_line(result.name), attempts_text(result)),
                          layout.width - 4) +
                   '\n';
        }
    }
    if (shown > layout.most_names) {
        out += fmt::format("    ... and {} more, in the report\n", shown - layout.most_names);
    }
}

std::string counts_text(const VerdictCounts& counts, const Paint& paint) {
    struct Part {
        Verdict verdict;
        std::string_view one;
        std::string_view more;
    };
    // clang-format off
    constexpr std::array parts{
        Part{Verdict::pass,            "passed",                  "passed"},
        Part{Verdict::fail,            "failed",                  "failed"},
        Part{Verdict::error,           "error",                   "errors"},
        Part{Verdict::expected_fail,   "known deviation (XFAIL)", "known deviations (XFAIL)"},
        Part{Verdict::unexpected_pass, "unexpected pass (XPASS)", "unexpected passes (XPASS)"},
        Part{Verdict::skip,            "skipped",                 "skipped"},
    };
    // clang-format on
    std::string out;
    for (const Part& part : parts) {
        const std::uint32_t count = counts[part.verdict];
        if (count == 0 && part.verdict != Verdict::pass && part.verdict != Verdict::fail) {
            continue;
        }
        const std::string text = counted(count, part.one, part.more);
        out += out.empty() ? "" : ", ";
        out += count != 0 ? paint.in(Paint::style(part.verdict), text) : text;
    }
    if (counts.flaky != 0) {
        out += ", " + paint.in(Paint::style(Verdict::unexpected_pass),
                               fmt::format("{} flaky", counts.flaky));
    }
    return out;
}

std::string headline(const RunRecord& record, const Paint& paint) {
    const VerdictCounts counts = record.counts();
    const std::string why_incomplete = record.why_incomplete();
    const bool unexpected_pass =
        record.info.strict && counts[Verdict::unexpected_pass] + counts.flaky != 0;
    if (counts[Verdict::fail] != 0 || unexpected_pass) {
        return paint.verdict(Verdict::fail);
    }
    const bool empty = counts.total() == 0 && !record.info.shard.is_part();
    if (counts[Verdict::error] != 0 || !why_incomplete.empty() || empty ||
        !record.summary->troubles.empty()) {
        return record.summary->interrupted ? paint.in(Paint::style(Verdict::error), "INTERRUPTED")
                                           : paint.verdict(Verdict::error);
    }
    const bool skipped = counts.total() != 0 && counts[Verdict::skip] == counts.total();
    return paint.verdict(skipped ? Verdict::skip : Verdict::pass);
}

std::string rate_text(const RunRecord& record) {
    const double wall = seconds(record.summary->wall_time);
    const auto count = record.results.size();
    return wall > 0 && count > 1
               ? fmt::format(", {:.0f} cases/s", static_cast<double>(count) / wall)
               : std::string{};
}

void append_facts(std::string& out, const RunRecord& record, std::size_t width) {
    const RunInfo& info = record.info;
    out += entry("tested", subject_text(info), width);
    for (const auto& [name, value] : info.facts) {
        out += entry("", fmt::format("{}: {}", one_line(name), one_line(value)), width);
    }
    std::string features;
    for (const std::string& feature : info.features) {
        features += (features.empty() ? "" : " ") + one_line(feature);
    }
    out += entry("features", features.empty() ? "the guest reported none" : features, width);
    out += entry("by",
                 fmt::format("vmrunit {}, payload {}, seed {}, baseline {}", one_line(info.version),
                             one_line(info.payload_build_id), info.seed,
                             info.baseline.empty() ? "none" : one_line(info.baseline)),
                 width);
}

void append_numbers(std::string& out, const RunRecord& record, std::size_t width) {
    const RunSummary& summary = *record.summary;
    std::uint64_t masked = 0;
    std::size_t cases_with_masked = 0;
    const CaseResult* slowest = nullptr;
    for (const CaseResult& result : record.results) {
        masked += result.masked_bytes;
        cases_with_masked += result.masked_bytes != 0;
        slowest = slowest == nullptr || result.duration > slowest->duration ? &result : slowest;
    }
    if (masked != 0) {
        out += entry("masked",
                     fmt::format("{} in {} not judged: undefined after their exits",
                                 counted(masked, "changed byte", "changed bytes"),
                                 counted(cases_with_masked, "case", "cases")),
                     width);
    }
    if (const auto unconfirmed = record.counts().unconfirmed; unconfirmed != 0) {
        out += entry("unconfirmed",
                     fmt::format("{} whose expectation no target has confirmed yet",
                                 counted(unconfirmed, "case", "cases")),
                     width);
    }
    if (const std::string restarts = record.restarts_text(); !restarts.empty()) {
        out += entry("machines", fmt::format("{} started; {}", summary.machines_started, restarts),
                     width);
    }
    if (slowest != nullptr && slowest->duration.count() > 0) {
        out += entry(
            "slowest",
            fmt::format("{:.2f} ms  {}", 1e3 * seconds(slowest->duration), one_line(slowest->name)),
            width);
    }
}

} // namespace

std::string result_line(const RunRecord& record, bool colour) {
    const Paint paint{colour};
    return fmt::format("{}  {}: {} of {} cases in {:.2f} s{}\n", headline(record, paint),
                       counts_text(record.counts(), paint), record.results.size(),
                       record.info.cases, seconds(record.summary->wall_time), rate_text(record));
}

std::string summary_text(const RunRecord& record, const SummaryLayout& layout) {
    const Paint paint{layout.colour};
    const RunSummary& summary = *record.summary;
    std::string out;
    append_reasons(out, record, Verdict::skip, "Skipped, by reason", layout);
    append_reasons(out, record, Verdict::expected_fail, "Known deviations (XFAIL), by reason",
                   layout);
    append_names(out, record, Verdict::unexpected_pass, "Passes although a deviation is expected",
                 layout);
    if (!summary.stale.empty()) {
        out += fmt::format("\nStale baseline entries ({})\n", summary.stale.size());
        for (const StaleEntry& stale : summary.stale) {
            out += fmt::format("    {}:{}  {}  {}\n", one_line(stale.file), stale.line,
                               one_line(stale.cases), one_line(stale.why));
        }
    }
    append_flaky(out, record, layout);
    append_names(out, record, Verdict::error, "Errors of the harness or its environment", layout);
    append_names(out, record, Verdict::fail, "Failures", layout);
    out += '\n';
    append_facts(out, record, layout.width);
    append_numbers(out, record, layout.width);
    for (const std::string& path : summary.report_paths) {
        out += entry("report", one_line(path), layout.width);
    }
    for (const Error& trouble : summary.troubles) {
        out += fmt::format("  {}  {}\n", paint.in(Paint::style(Verdict::error), "trouble"),
                           one_line(trouble.line()));
    }
    if (const std::string why = record.why_incomplete(); !why.empty()) {
        out += fmt::format("  {}\n", one_line(why));
    }
    return out + result_line(record, layout.colour);
}

std::string text_report(const RunRecord& record) {
    const std::string subject = subject_text(record.info);
    std::string out = fmt::format("vmrunit {} on {}, {}\n", one_line(record.info.version), subject,
                                  utc_time(record.info.started));
    out += fmt::format("command: {}\n",
                       one_line(fmt::format("{}", fmt::join(record.info.command_line, " "))));
    for (const MachineEvent& event : record.events) {
        if (event.what == MachineEvent::What::died) {
            out += fmt::format("machine {} died in {}: {}\n", event.machine,
                               one_line(event.case_name), one_line(event.text));
        }
    }
    for (const Verdict verdict :
         {Verdict::fail, Verdict::error, Verdict::unexpected_pass, Verdict::expected_fail}) {
        for (const CaseResult* result : with_verdict(record, verdict)) {
            out += '\n' + failure_block(*result, subject, {});
        }
    }
    out += "\nThe machine this ran on\n";
    for (const auto& [name, value] : record.system) {
        out += fmt::format("    {}: {}\n", one_line(name), one_line(value));
    }
    return record.summary ? out + summary_text(record, {}) : out;
}

} // namespace vmrunit::runner
