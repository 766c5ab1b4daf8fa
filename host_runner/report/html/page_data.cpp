// SPDX-License-Identifier: GPL-2.0-only
// See page_data.hpp. Texts that repeat stand once in a table; run_script.inc takes it apart.
#include "host_runner/report/html/page_data.hpp"
#include "host_runner/report/html/script_json.hpp"
#include "host_runner/report/html/text_table.hpp"
#include "host_runner/report/html/verdict_class.hpp"
#include "host_runner/report/plain_text.hpp"
#include "host_runner/report/text_failure.hpp"

#include <fmt/format.h>

namespace vmrunit::runner::html {
namespace {

Json fields_of(const CaseResult& result) {
    Json fields = Json::array();
    for (const FieldDifference& field : result.fields) {
        fields.push_back(
            Json::array({one_line(field.field), one_line(field.expected), one_line(field.actual),
                         one_line(field.changed_bits), field.matches}));
    }
    return fields;
}

} // namespace

std::string page_data(const RunRecord& record, const InterceptsOfCases& intercepts,
                      const std::string& source_url) {
    TextTable texts;
    Json cases = Json::array();
    for (const CaseResult& result : record.results) {
        Json bits = Json::array();
        if (const auto found = intercepts.find(result.name); found != intercepts.end()) {
            for (const svm::Intercept bit : found->second) {
                bits.push_back(texts.index_of(std::string{svm::intercept_name(bit)}));
            }
        }
        Json one = Json::array();
        one.push_back(one_line(result.name));
        one.push_back(static_cast<std::size_t>(result.verdict) +
                      (result.flaky() ? verdict_names.size() : 0));
        one.push_back(texts.index_of(result.flaky()                    ? attempts_text(result)
                                     : result.verdict == Verdict::pass ? std::string{}
                                                                       : short_reason(result)));
        one.push_back(texts.index_of(one_line(result.manual)));
        one.push_back(texts.index_of(one_line(result.place.file)));
        one.push_back(result.place.line);
        one.push_back(result.duration.count() / 1000);
        one.push_back(result.exit_code ? fmt::format("{:#05x}", *result.exit_code) : std::string{});
        one.push_back(std::move(bits));
        if (result.verdict != Verdict::pass && !result.fields.empty()) {
            one.push_back(fields_of(result));
        }
        cases.push_back(std::move(one));
    }
    const Json all = {{"verdicts", verdict_names},
                      {"kinds", verdict_classes},
                      {"texts", texts.texts()},
                      {"source", source_url},
                      {"cases", std::move(cases)}};
    return script_json(all);
}

} // namespace vmrunit::runner::html
