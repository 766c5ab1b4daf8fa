// SPDX-License-Identifier: GPL-2.0-only
// See junit.hpp. Our own writer: the format is thirty lines, and every text passes xml_escaped.
#include "host_runner/report/junit.hpp"
#include "host_runner/report/json_values.hpp"
#include "host_runner/report/plain_text.hpp"
#include "host_runner/report/text_failure.hpp"

#include <fmt/format.h>
#include <iterator>

namespace vmrunit::runner {
namespace {

struct Totals {
    std::size_t tests = 0;
    std::size_t failures = 0;
    std::size_t errors = 0;
    std::size_t skipped = 0;
};

bool counts_as_failure(const CaseResult& result, bool strict) {
    return result.verdict == Verdict::fail ||
           (strict && (result.verdict == Verdict::unexpected_pass || result.flaky()));
}

Totals totals_of(const RunRecord& record, bool incomplete) {
    Totals totals;
    for (const CaseResult& result : record.results) {
        ++totals.tests;
        totals.failures += counts_as_failure(result, record.info.strict);
        totals.errors += result.verdict == Verdict::error;
        totals.skipped += result.verdict == Verdict::skip ||
                          (result.verdict == Verdict::expected_fail && !result.flaky());
    }
    totals.tests += incomplete;
    totals.errors += incomplete;
    return totals;
}

std::string attributes(const Totals& totals, double seconds) {
    return fmt::format(R"(tests="{}" failures="{}" errors="{}" skipped="{}" time="{:.6f}")",
                       totals.tests, totals.failures, totals.errors, totals.skipped, seconds);
}

/// "intercept/cpuid/taken/cpl0" -> "intercept.cpuid": what viewers group by.
std::string class_name(std::string_view name) {
    std::string group{name.substr(0, name.find('/', name.find('/') + 1))};
    for (char& c : group) {
        c = c == '/' ? '.' : c;
    }
    return group;
}

void append_properties(std::string& out, const RunRecord& record) {
    const auto property = [&](std::string_view name, std::string_view value) {
        fmt::format_to(std::back_inserter(out), "      <property name=\"{}\" value=\"{}\"/>\n",
                       xml_escaped(name), xml_escaped(value));
    };
    const RunInfo& info = record.info;
    out += "    <properties>\n";
    property("vmrunit.version", info.version);
    property("payload.build_id", info.payload_build_id);
    property("target", info.target);
    property("subject", info.subject);
    property("baseline", info.baseline);
    property("seed", std::to_string(info.seed));
    for (const auto& [name, value] : info.facts) {
        property(name, value);
    }
    property("cpu.features", fmt::format("{}", fmt::join(info.features, " ")));
    for (const auto& [name, value] : record.system) {
        property("system." + name, value);
    }
    out += "    </properties>\n";
}

/// An element whose message is one line and whose text is the failure block.
std::string problem(std::string_view element, const CaseResult& result,
                    const std::string& subject) {
    const std::string message = result.flaky() ? attempts_text(result) : short_reason(result);
    return fmt::format("      <{0} message=\"{1}\" type=\"{2}\">{3}</{0}>\n", element,
                       xml_escaped(message), verdict_word(result),
                       xml_escaped(failure_block(result, subject, {})));
}

std::string skipped(const std::string& message) {
    return fmt::format("      <skipped message=\"{}\"/>\n", xml_escaped(message));
}

std::string system_out(const std::string& text) {
    return fmt::format("      <system-out>{}</system-out>\n", xml_escaped(text));
}

std::string body(const CaseResult& result, bool strict, const std::string& subject) {
    if (result.flaky()) {
        // Surefire's element for it, which Jenkins shows; as a failure it is in everybody's words.
        return strict ? problem("failure", result, subject)
                      : fmt::format("      <flakyFailure message=\"{}\" type=\"FLAKY\"/>\n",
                                    xml_escaped(attempts_text(result)));
    }
    switch (result.verdict) {
    case Verdict::pass:
        return {};
    case Verdict::fail:
        return problem("failure", result, subject);
    case Verdict::error:
        return problem("error", result, subject);
    case Verdict::skip:
        return skipped(short_reason(result));
    case Verdict::expected_fail:
        return skipped("XFAIL: " + short_reason(result)) +
               system_out(failure_block(result, subject, {}));
    case Verdict::unexpected_pass:
        return strict ? problem("failure", result, subject)
                      : system_out("XPASS: " + short_reason(result));
    }
    return {};
}

void append_case(std::string& out, const CaseResult& result, bool strict,
                 const std::string& subject) {
    fmt::format_to(std::back_inserter(out), "    <testcase name=\"{}\" classname=\"{}\"",
                   xml_escaped(result.name), xml_escaped(class_name(result.name)));
    if (!result.place.file.empty()) {
        fmt::format_to(std::back_inserter(out), " file=\"{}\" line=\"{}\"",
                       xml_escaped(result.place.file), result.place.line);
    }
    fmt::format_to(std::back_inserter(out), " time=\"{:.6f}\"",
                   std::chrono::duration<double>(result.duration).count());
    const std::string inside = body(result, strict, subject);
    out += inside.empty() ? "/>\n" : ">\n" + inside + "    </testcase>\n";
}

} // namespace

std::string junit_report(const RunRecord& record) {
    const std::string why_incomplete = record.why_incomplete();
    const Totals totals = totals_of(record, !why_incomplete.empty());
    std::chrono::nanoseconds time{};
    for (const CaseResult& result : record.results) {
        time += result.duration;
    }
    if (record.summary) {
        time = record.summary->wall_time;
    }
    const double seconds = std::chrono::duration<double>(time).count();
    const std::string subject = subject_text(record.info);

    std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    out += fmt::format("<testsuites name=\"vmrunit\" {}>\n", attributes(totals, seconds));
    out += fmt::format("  <testsuite name=\"{}\" {} timestamp=\"{}\">\n",
                       xml_escaped("vmrunit on " + record.info.target), attributes(totals, seconds),
                       utc_time(record.info.started));
    append_properties(out, record);
    for (const CaseResult& result : record.results) {
        append_case(out, result, record.info.strict, subject);
    }
    if (!why_incomplete.empty()) {
        // Viewers count what is there; cases that never ran must not look like fewer cases.
        out += fmt::format("    <testcase name=\"run\" classname=\"vmrunit\" time=\"0\">\n"
                           "      <error message=\"{}\" type=\"ERROR\"/>\n    </testcase>\n",
                           xml_escaped(why_incomplete));
    }
    return out + "  </testsuite>\n</testsuites>\n";
}

} // namespace vmrunit::runner
