// SPDX-License-Identifier: GPL-2.0-only
// See kcidb.hpp.
#include "host_runner/report/kcidb.hpp"
#include "host_runner/report/json_values.hpp"
#include "host_runner/report/plain_text.hpp"
#include "host_runner/report/text_failure.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace vmrunit::runner {
namespace {

constexpr std::size_t most_excerpt = 16384; // bytes, by the schema

/// A known deviation is a failure of the tested code that somebody has waived; the schema has no
/// word for that, so it is said in `misc` too.
std::string_view status_of(const CaseResult& result) {
    switch (result.verdict) {
    case Verdict::pass:
    case Verdict::unexpected_pass:
        return "PASS";
    case Verdict::fail:
    case Verdict::expected_fail:
        return "FAIL";
    case Verdict::skip:
        return "SKIP";
    case Verdict::error:
        return result.machine == 0 ? "MISS" : "ERROR";
    }
    return "ERROR";
}

/// "intercept/cpuid/taken" -> "vmrunit.intercept.cpuid.taken"
std::string path_of(std::string_view name) {
    std::string path = "vmrunit." + std::string{name};
    std::ranges::replace(path, '/', '.');
    return path;
}

std::string without_nul(std::string text) {
    std::erase(text, '\0');
    return text;
}

} // namespace

std::optional<Error> bad_build_id(const std::string& build) {
    const auto colon = build.find(':');
    const bool right = colon != std::string::npos && colon != 0 && colon + 1 < build.size() &&
                       std::ranges::all_of(build.substr(0, colon), [](char c) {
                           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
                       });
    if (right) {
        return std::nullopt;
    }
    return Error{build.empty() ? "--kcidb needs the id of the build that is tested"
                               : fmt::format("'{}' is no id of a KCIDB build", build),
                 "--kcidb-build ORIGIN:ID, as the build was submitted"};
}

std::string kcidb_report(const RunRecord& record, const KcidbNames& names) {
    const std::string subject = subject_text(record.info);
    const Json environment = {{"comment", subject}};
    Json tests = Json::array();
    std::size_t number = 0;
    for (const CaseResult& result : record.results) {
        // Unique among all runs of this origin: the run's time and target, and the place in it.
        Json test = {
            {"build_id", names.build},
            {"id", fmt::format("{}:vmrunit-{}-{}-{}", names.origin(), utc_time(record.info.started),
                               record.info.payload_build_id.substr(0, 12), ++number)},
            {"origin", names.origin()},
            {"path", path_of(result.name)},
            {"status", status_of(result)},
            {"start_time", utc_time(record.info.started)},
            {"duration", std::chrono::duration<double>(result.duration).count()},
            {"environment", environment}};
        Json misc = {{"verdict", to_string(result.verdict)},
                     {"target", valid_utf8(record.info.target)}};
        if (!result.manual.empty()) {
            misc["manual"] = valid_utf8(result.manual);
        }
        if (result.flaky()) {
            misc["flaky"] = true;
        }
        test["misc"] = std::move(misc);
        if (result.flaky()) {
            test["comment"] = "FLAKY: " + attempts_text(result);
        } else if (result.verdict != Verdict::pass) {
            test["comment"] = short_reason(result);
        }
        if (result.verdict == Verdict::fail || result.verdict == Verdict::error ||
            result.verdict == Verdict::expected_fail) {
            std::string block = without_nul(valid_utf8(failure_block(result, subject, {})));
            block.resize(std::min(block.size(), most_excerpt - 16));
            test["log_excerpt"] = valid_utf8(block);
        }
        tests.push_back(std::move(test));
    }
    const Json json = {{"version", {{"major", 5}, {"minor", 3}}}, {"tests", std::move(tests)}};
    return dumped(json, 1) + "\n";
}

} // namespace vmrunit::runner
