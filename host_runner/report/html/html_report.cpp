// SPDX-License-Identifier: GPL-2.0-only
// See html_report.hpp. Fills the page's template; what it shows is computed by the files beside it.
#include "host_runner/report/html/html_report.hpp"
#include "host_runner/compare/comparison_text.hpp"
#include "host_runner/report/html/intercept_section.hpp"
#include "host_runner/report/html/page_data.hpp"
#include "host_runner/report/html/page_script.hpp"
#include "host_runner/report/html/timing_chart.hpp"
#include "host_runner/report/html/verdict_class.hpp"
#include "host_runner/report/html/vmcb_section.hpp"
#include "host_runner/report/json_values.hpp"
#include "host_runner/report/plain_text.hpp"
#include "host_runner/report/text_failure.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <kainjow/mustache.hpp>
#include <map>
#include <unordered_map>

namespace vmrunit::runner {
namespace {

using kainjow::mustache::data;
using namespace html;

constexpr const char* style =
#include "host_runner/report/html/page_style.inc"
    ;
constexpr std::string_view cases_script =
#include "host_runner/report/html/run_script.inc"
    ;
constexpr const char* page =
#include "host_runner/report/html/report_page.inc"
    ;

// Of more the list of all cases tells; a page with thousands of open blocks helps nobody.
constexpr std::size_t most_failures = 300;
constexpr std::size_t open_failures = 5;
constexpr std::size_t most_listed_names = 200;

// Volume 2 of the APM.
constexpr const char* manual_url = "https://www.amd.com/content/dam/amd/en/documents/"
                                   "processor-tech-docs/programmer-references/24593.pdf";

data list() {
    return data{data::type::list};
}

/// An absent key is false to a template.
void set_text(data& into, const char* key, const std::string& text) {
    if (!text.empty()) {
        into.set(key, text);
    }
}

std::string number(std::size_t count) {
    return std::to_string(count);
}

class Page {
public:
    explicit Page(const HtmlInput& input)
        : input_{input}, record_{input.record}, counts_{input.record.counts()} {
        for (const cases::Case& one : input.catalogue.cases()) {
            by_name_.emplace(one.name, &one);
        }
    }

    std::string render() {
        data all{data::type::object};
        all.set("style", style);
        all.set("script", page_script(cases_script));
        head(all);
        comparison(all);
        failures(all);
        flaky(all);
        const InterceptsOfCases intercepts = intercepts_of_cases(input_.catalogue);
        std::vector<const RunRecord*> columns = input_.columns;
        if (columns.empty()) {
            columns.push_back(&record_);
        }
        set_intercept_section(all, columns, intercepts);
        set_vmcb_section(all, record_, input_.catalogue);
        reasons(all, Verdict::expected_fail, "known", true);
        reasons(all, Verdict::skip, "skips", false);
        stale(all);
        timing(all);
        facts(all);
        all.set("data", page_data(record_, intercepts, input_.source_url));
        kainjow::mustache::mustache view{page};
        return view.render(all);
    }

private:
    Verdict overall() const {
        const std::uint32_t doubtful = counts_[Verdict::unexpected_pass] + counts_.flaky;
        if (record_.info.strict && doubtful != 0) {
            return Verdict::fail;
        }
        if (counts_[Verdict::fail] == 0 && !record_.why_incomplete().empty()) {
            return Verdict::error;
        }
        const Verdict worst = worst_of(counts_);
        return worst == Verdict::expected_fail || worst == Verdict::unexpected_pass ? Verdict::pass
                                                                                    : worst;
    }

    void head(data& all) {
        const Verdict verdict = overall();
        all.set("word", std::string{to_string(verdict)});
        all.set("kind", std::string{class_of(verdict)});
        all.set("target", one_line(record_.info.target));
        all.set("subject", one_line(record_.info.subject));
        all.set("cases", number(record_.results.size()));
        all.set("wall", record_.summary ? duration_text(record_.summary->wall_time) : "not closed");
        all.set("started", utc_time(record_.info.started));
        all.set("version", one_line(record_.info.version));
        set_text(all, "incomplete", one_line(record_.why_incomplete()));
        tiles(all);
        data parts = list();
        const auto part = [&](const char* id, const char* title) {
            data one{data::type::object};
            one.set("id", id);
            one.set("title", title);
            parts << one;
        };
        if (input_.comparison != nullptr) {
            part("changes", "Changes");
        }
        part("failures", "Failures");
        if (counts_.flaky != 0) {
            part("flaky", "Flaky");
        }
        part("intercepts", "Intercepts");
        part("vmcb", "VMCB");
        part("known", "Known");
        part("skipped", "Skipped");
        part("timing", "Timing");
        part("all", "All cases");
        part("about", "About");
        all.set("parts", parts);
    }

    void tiles(data& all) {
        struct Tile {
            const char* label;
            const char* ask;
            std::size_t count;
            std::string_view kind;
        };
        const auto of = [&](const char* label, const char* ask, Verdict verdict) {
            return Tile{label, ask, counts_[verdict], class_of(verdict)};
        };
        const Tile shown[] = {of("failed", "fail", Verdict::fail),
                              of("errors", "error", Verdict::error),
                              of("unexpected passes", "xpass", Verdict::unexpected_pass),
                              of("passed", "pass", Verdict::pass),
                              of("known deviations", "xfail", Verdict::expected_fail),
                              of("skipped", "skip", Verdict::skip)};
        data bar = list();
        data boxes = list();
        std::string label;
        for (const Tile& tile : shown) {
            data one{data::type::object};
            one.set("label", tile.label);
            one.set("ask", tile.ask);
            one.set("count", number(tile.count));
            one.set("kind", std::string{tile.count == 0 ? "none" : tile.kind});
            boxes << one;
            if (tile.count != 0) {
                bar << one;
                label += fmt::format("{}{} {}", label.empty() ? "" : ", ", tile.count, tile.label);
            }
        }
        if (counts_.flaky != 0) { // No part of the bar: they are counted by their verdicts.
            data one{data::type::object};
            one.set("label", "flaky");
            one.set("ask", "flaky");
            one.set("count", number(counts_.flaky));
            one.set("kind", "flaky");
            boxes << one;
            label += fmt::format(", {} of them flaky", counts_.flaky);
        }
        all.set("bar", bar);
        all.set("bar_label", label);
        all.set("tiles", boxes);
    }

    void comparison(data& all) {
        if (input_.comparison == nullptr) {
            return;
        }
        const Comparison& compared = *input_.comparison;
        data one{data::type::object};
        const bool worse = compared.regressed(false);
        one.set("title", input_.comparison_title);
        one.set("kind", worse ? "fail" : "pass");
        one.set("verdict", worse                     ? "REGRESSION"
                           : compared.groups.empty() ? "SAME"
                                                     : "NO REGRESSION");
        one.set("headline", comparison_headline(compared));
        one.set("before", fmt::format("{}, {}, {} cases", subject_text(compared.before->info),
                                      utc_time(compared.before->info.started),
                                      compared.before->results.size()));
        data groups = list();
        bool first = true;
        for (const ChangeGroup& group : compared.groups) {
            data shown{data::type::object};
            const bool bad = group.kind == ChangeKind::new_failure;
            shown.set("title", std::string{info_of(group.kind).title});
            shown.set("kind", bad ? "fail" : group.kind == ChangeKind::fixed ? "pass" : "known");
            shown.set("open", data{bad && first});
            first = false;
            shown.set("count", number(group.cases.size()));
            shown.set("what", group.what);
            data names = list();
            for (std::size_t at = 0; at < std::min(most_listed_names, group.cases.size()); ++at) {
                names << data{one_line(group.cases[at].name())};
            }
            shown.set("names", names);
            if (group.cases.size() > most_listed_names) {
                shown.set("left", number(group.cases.size() - most_listed_names));
            }
            groups << shown;
        }
        one.set("groups", groups);
        all.set("comparison", one);
    }

    void failures(data& all) {
        data shown = list();
        std::size_t count = 0;
        for (const Verdict verdict : {Verdict::fail, Verdict::error, Verdict::unexpected_pass}) {
            for (const CaseResult& result : record_.results) {
                if (result.verdict == verdict && count++ < most_failures) {
                    shown << failure(result, count <= open_failures);
                }
            }
        }
        all.set("failures", shown);
        all.set("failure_count", number(count));
        if (count > most_failures) {
            all.set("more_failures", number(count - most_failures));
        }
    }

    void flaky(data& all) {
        data shown = list();
        for (const CaseResult& result : record_.results) {
            if (result.flaky()) {
                data one{data::type::object};
                one.set("name", one_line(result.name));
                one.set("word", std::string{verdict_word(result)});
                one.set("attempts", attempts_text(result));
                shown << one;
            }
        }
        all.set("flaky", shown);
        all.set("any_flaky", data{counts_.flaky != 0});
        all.set("flaky_count", number(counts_.flaky));
    }

    data failure(const CaseResult& result, bool open) {
        data one{data::type::object};
        one.set("name", one_line(result.name));
        one.set("word", std::string{to_string(result.verdict)});
        one.set("kind", std::string{class_of(result.verdict)});
        one.set("reason", short_reason(result));
        one.set("open", data{open});
        data fields = list();
        for (const FieldDifference& field : result.fields) {
            data row{data::type::object};
            row.set("field", one_line(field.field));
            row.set("expected", one_line(field.expected));
            row.set("actual", one_line(field.actual));
            set_text(row, "bits", one_line(field.changed_bits));
            row.set("differs", field.matches ? "" : "differs");
            fields << row;
        }
        one.set("fields", fields);
        one.set("has_fields", data{!result.fields.empty()});
        set_text(one, "attempts", attempts_text(result));
        set_text(one, "code", code_text(result));
        std::string log;
        for (const std::string& line : result.guest_log) {
            log += one_line(line) + '\n';
        }
        set_text(one, "log", log);
        set_text(one, "manual", one_line(result.manual));
        one.set("manual_url", manual_url);
        if (!result.place.file.empty()) {
            one.set("place", fmt::format("{}:{}", one_line(result.place.file), result.place.line));
            if (!input_.source_url.empty()) {
                one.set("url", fmt::format("{}{}#L{}", input_.source_url,
                                           one_line(result.place.file), result.place.line));
            }
        }
        set_text(one, "repeat", one_line(result.repeat_command));
        if (const auto found = by_name_.find(result.name); found != by_name_.end()) {
            set_text(one, "title", one_line(found->second->title));
            if (input_.definition) {
                set_text(one, "definition", input_.definition(*found->second));
            }
        }
        return one;
    }

    static std::string code_text(const CaseResult& result) {
        std::string text;
        for (const CodeLine& line : result.code) {
            text += fmt::format("{:x}: {}  {}{}{}\n", line.address,
                                padded(one_line(line.bytes), 24), one_line(line.text),
                                line.note.empty() ? "" : "   ; ", one_line(line.note));
        }
        return text;
    }

    /// Cases of one verdict by their reason, the most frequent first.
    void reasons(data& all, Verdict verdict, const char* key, bool with_names) {
        std::map<std::string, std::vector<const CaseResult*>> by_reason;
        for (const CaseResult& result : record_.results) {
            if (result.verdict == verdict) {
                by_reason[shared_reason(result)].push_back(&result);
            }
        }
        std::vector<std::pair<std::string, std::vector<const CaseResult*>>> ordered(
            by_reason.begin(), by_reason.end());
        std::ranges::stable_sort(ordered, std::ranges::greater{},
                                 [](const auto& entry) { return entry.second.size(); });
        data shown = list();
        for (const auto& [reason, results] : ordered) {
            data one{data::type::object};
            one.set("reason", reason.empty() ? "no reason given" : reason);
            one.set("count", number(results.size()));
            data names = list();
            for (const CaseResult* result : results) {
                if (with_names) {
                    names << data{one_line(result->name)};
                }
            }
            one.set("names", names);
            shown << one;
        }
        all.set(key, shown);
        all.set(verdict == Verdict::skip ? "skip_count" : "known_count", number(counts_[verdict]));
    }

    void stale(data& all) {
        data shown = list();
        for (const StaleEntry& entry :
             record_.summary ? record_.summary->stale : std::vector<StaleEntry>{}) {
            data one{data::type::object};
            one.set("place", fmt::format("{}:{}", one_line(entry.file), entry.line));
            one.set("cases", one_line(entry.cases));
            one.set("why", one_line(entry.why));
            shown << one;
        }
        all.set("stale", shown);
    }

    void timing(data& all) {
        std::string text = fmt::format("{} cases", record_.results.size());
        if (record_.summary) {
            const RunSummary& summary = *record_.summary;
            text += fmt::format(" in {}, on {} machine{}", duration_text(summary.wall_time),
                                summary.machines_started, summary.machines_started == 1 ? "" : "s");
            if (const std::string restarts = record_.restarts_text(); !restarts.empty()) {
                text += "; " + restarts;
            }
        }
        all.set("timing", text);
        const auto bars = duration_histogram(record_);
        std::size_t most = 1;
        for (const HistogramBar& bar : bars) {
            most = std::max(most, bar.count);
        }
        data histogram = list();
        for (const HistogramBar& bar : bars) {
            data one{data::type::object};
            one.set("label", bar.label);
            one.set("count", number(bar.count));
            one.set("width", number(100 * bar.count / most));
            histogram << one;
        }
        all.set("histogram", histogram);
        data slowest = list();
        for (const CaseResult* result : slowest_cases(record_, 10)) {
            data one{data::type::object};
            one.set("time", duration_text(result->duration));
            one.set("name", one_line(result->name));
            slowest << one;
        }
        all.set("slowest", slowest);
    }

    void facts(data& all) {
        data shown = list();
        const auto fact = [&](const std::string& name, const std::string& value) {
            data one{data::type::object};
            one.set("name", one_line(name));
            one.set("value", one_line(value));
            shown << one;
        };
        const RunInfo& info = record_.info;
        fact("target", subject_text(info));
        for (const auto& [name, value] : info.facts) {
            fact(name, value);
        }
        fact("CPU features as the guest read them",
             fmt::format("{}", fmt::join(info.features, " ")));
        fact("baseline", info.baseline.empty() ? "none" : info.baseline);
        fact("payload", info.payload_build_id);
        fact("seed", std::to_string(info.seed));
        fact("command", fmt::format("{}", fmt::join(info.command_line, " ")));
        for (const auto& [name, value] : record_.system) {
            fact("system: " + name, value);
        }
        all.set("facts", shown);
    }

    const HtmlInput& input_;
    const RunRecord& record_;
    VerdictCounts counts_;
    std::unordered_map<std::string_view, const cases::Case*> by_name_;
};

} // namespace

std::string html_report(const HtmlInput& input) {
    return Page{input}.render();
}

} // namespace vmrunit::runner
