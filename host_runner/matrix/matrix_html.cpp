// SPDX-License-Identifier: GPL-2.0-only
// See matrix_html.hpp. Fills the page's template with the parts that the page of a run has, too.
#include "host_runner/matrix/matrix_html.hpp"
#include "host_runner/matrix/matrix_groups.hpp"
#include "host_runner/matrix/matrix_words.hpp"
#include "host_runner/report/html/intercept_section.hpp"
#include "host_runner/report/html/page_script.hpp"
#include "host_runner/report/html/script_json.hpp"
#include "host_runner/report/html/text_table.hpp"
#include "host_runner/report/html/timing_chart.hpp"
#include "host_runner/report/html/verdict_class.hpp"
#include "host_runner/report/html/vmcb_section.hpp"
#include "host_runner/report/plain_text.hpp"
#include "host_runner/report/text_failure.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <kainjow/mustache.hpp>
#include <unordered_map>

namespace vmrunit::runner {
namespace {

using kainjow::mustache::data;
using namespace html;

constexpr const char* matrix_style =
#include "host_runner/report/html/page_style.inc"
    ;
constexpr std::string_view matrix_script =
#include "host_runner/matrix/matrix_script.inc"
    ;
constexpr const char* matrix_page =
#include "host_runner/matrix/matrix_page.inc"
    ;

// Of more the list of all cases tells.
constexpr std::size_t most_names_of_group = 200;
constexpr std::size_t open_groups = 3;

std::string_view word_of(const Cell& cell) {
    return !cell.verdict ? "–" : cell.flaky ? "FLAKY" : to_string(*cell.verdict);
}

std::string_view kind_of(const Cell& cell) {
    return !cell.verdict ? "skip" : cell.flaky ? "flaky" : class_of(*cell.verdict);
}

class MatrixPage {
public:
    MatrixPage(const Matrix& matrix, const MatrixInfo& info, const cases::Catalogue& catalogue,
               const std::string& source_url)
        : matrix_{matrix}, info_{info}, catalogue_{catalogue}, source_url_{source_url} {}

    std::string render() {
        data page{data::type::object};
        page.set("style", matrix_style);
        page.set("script", page_script(matrix_script));
        head(page);
        targets(page);
        topics(page);
        const InterceptsOfCases intercepts = intercepts_of_cases(catalogue_);
        set_intercept_section(page, records(), intercepts);
        maps(page);
        facts(page);
        page.set("data", script_data(intercepts));
        kainjow::mustache::mustache view{matrix_page};
        return view.render(page);
    }

private:
    [[nodiscard]] std::vector<const RunRecord*> records() const {
        std::vector<const RunRecord*> ran;
        for (const MatrixColumn& column : matrix_.columns) {
            if (column.trouble.empty()) {
                ran.push_back(&column.record);
            }
        }
        return ran;
    }

    /// A target that cannot be tested here says nothing of the others.
    [[nodiscard]] bool broken() const {
        return info_.interrupted ||
               std::ranges::any_of(matrix_.columns, [](const MatrixColumn& column) {
                   return column.broken ||
                          (column.trouble.empty() && !column.record.why_incomplete().empty());
               });
    }

    [[nodiscard]] Verdict overall() const {
        const VerdictCounts counts = matrix_.counts();
        if (counts[Verdict::fail] == 0 && broken()) {
            return Verdict::error;
        }
        const Verdict worst = worst_of(counts);
        return worst == Verdict::expected_fail || worst == Verdict::unexpected_pass ? Verdict::pass
                                                                                    : worst;
    }

    void head(data& page) const {
        const Verdict verdict = overall();
        page.set("word", std::string{to_string(verdict)});
        page.set("kind", std::string{class_of(verdict)});
        page.set("count", std::to_string(matrix_.columns.size()));
        page.set("cases", std::to_string(matrix_.rows.size()));
        page.set("agreed",
                 std::to_string(std::ranges::count_if(matrix_.rows, [](const MatrixRow& row) {
                     return topic_of(row) == MatrixTopic::agreement;
                 })));
        page.set("started", utc_time(info_.started));
        page.set("version", one_line(info_.version));
        if (const std::string why = matrix_.why_incomplete(); !why.empty()) {
            page.set("incomplete", one_line(why));
        }
    }

    void targets(data& page) const {
        data shown{data::type::list};
        for (std::size_t at = 0; at < matrix_.columns.size(); ++at) {
            const MatrixColumn& column = matrix_.columns[at];
            data one{data::type::object};
            one.set("number", std::to_string(at + 1));
            one.set("name", one_line(column.target));
            if (!column.trouble.empty()) {
                one.set("trouble", one_line(column.trouble));
            }
            const RunRecord& record = column.record;
            one.set("subject", one_line(record.info.subject));
            one.set("wall",
                    record.summary ? duration_text(record.summary->wall_time) : "not closed");
            const VerdictCounts counts = record.counts();
            data numbers{data::type::list};
            for (const Verdict verdict :
                 {Verdict::pass, Verdict::fail, Verdict::expected_fail, Verdict::unexpected_pass,
                  Verdict::skip, Verdict::error}) {
                data number{data::type::object};
                number.set("count", std::to_string(counts[verdict]));
                number.set("kind", std::string{class_of(verdict)});
                number.set("any", data{counts[verdict] != 0});
                numbers << number;
            }
            one.set("counts", numbers);
            data known{data::type::list};
            for (const auto& [name, value] : record.info.facts) {
                known << fact(name, value);
            }
            if (!record.info.features.empty()) {
                known << fact("CPU features as the guest read them",
                              fmt::format("{}", fmt::join(record.info.features, " ")));
            }
            known << fact("baseline", record.info.baseline.empty() ? "none" : record.info.baseline);
            one.set("facts", known);
            shown << one;
        }
        page.set("targets", shown);
    }

    void topics(data& page) const {
        const auto groups = group_rows(matrix_);
        data shown{data::type::list};
        std::size_t opened = 0;
        for (std::size_t at = 0; at < groups.size();) {
            const MatrixTopic topic = groups[at].topic;
            if (topic == MatrixTopic::agreement) {
                break; // they sort last
            }
            data of_topic{data::type::list};
            std::size_t count = 0;
            for (; at < groups.size() && groups[at].topic == topic; ++at) {
                const bool open = !groups[at].known && opened++ < open_groups;
                of_topic << group(groups[at], open);
                count += groups[at].rows.size();
            }
            data one{data::type::object};
            one.set("title", std::string{heading_of(topic)});
            one.set("count", std::to_string(count));
            one.set("groups", of_topic);
            shown << one;
        }
        page.set("topics", shown);
    }

    [[nodiscard]] data group(const MatrixGroup& group, bool open) const {
        const MatrixRow& first = matrix_.rows[group.rows.front()];
        data one{data::type::object};
        one.set("open", data{open});
        one.set("label", one_line(group.label));
        if (group.rows.size() > 1) {
            one.set("many", std::to_string(group.rows.size()));
        }
        data cells{data::type::list};
        for (std::size_t at = 0; at < first.cells.size(); ++at) {
            data cell{data::type::object};
            cell.set("word", std::string{word_of(first.cells[at])});
            cell.set("kind", std::string{kind_of(first.cells[at])});
            cell.set("target", one_line(matrix_.columns[at].target));
            cells << cell;
        }
        one.set("cells", cells);
        data lines{data::type::list};
        for (const std::string& line : explanations_of(first)) {
            lines << data{line};
        }
        one.set("lines", lines);
        data names{data::type::list};
        for (std::size_t at = 0; at < std::min(most_names_of_group, group.rows.size()); ++at) {
            names << data{one_line(matrix_.rows[group.rows[at]].name)};
        }
        one.set("names", names);
        if (group.rows.size() > most_names_of_group) {
            one.set("left", std::to_string(group.rows.size() - most_names_of_group));
        }
        return one;
    }

    void maps(data& page) const {
        data shown{data::type::list};
        bool first = true;
        for (const RunRecord* record : records()) {
            data one{data::type::object};
            one.set("name", one_line(record->info.target));
            one.set("open", data{first});
            set_vmcb_section(one, *record, catalogue_);
            first = false;
            shown << one;
        }
        page.set("maps", shown);
    }

    static data fact(const std::string& name, const std::string& value) {
        data one{data::type::object};
        one.set("name", one_line(name));
        one.set("value", one_line(value));
        return one;
    }

    void facts(data& page) const {
        data shown{data::type::list};
        shown << fact("payload", info_.payload_build_id);
        shown << fact("command", fmt::format("{}", fmt::join(info_.command_line, " ")));
        page.set("facts", shown);
    }

    /// What matrix_script.inc takes apart.
    [[nodiscard]] std::string script_data(const InterceptsOfCases& intercepts) const {
        std::unordered_map<std::string_view, const cases::Case*> by_name;
        for (const cases::Case& one : catalogue_.cases()) {
            by_name.emplace(one.name, &one);
        }
        TextTable texts;
        Json names = Json::array();
        for (const MatrixColumn& column : matrix_.columns) {
            names.push_back(one_line(column.target));
        }
        Json rows = Json::array();
        for (const MatrixRow& row : matrix_.rows) {
            Json verdicts = Json::array();
            Json notes = Json::array();
            for (std::size_t at = 0; at < row.cells.size(); ++at) {
                const Cell& cell = row.cells[at];
                verdicts.push_back(!cell.verdict ? -1
                                   : cell.flaky  ? static_cast<int>(verdict_names.size())
                                                 : static_cast<int>(*cell.verdict));
                std::string note = cell.verdict == Verdict::pass ? "" : one_line(cell.reason);
                for (const Attribution& one : row.attributions) {
                    if (one.column == at) {
                        note += (note.empty() ? "" : "; ") + attribution_text(one);
                    }
                }
                if (!note.empty()) {
                    notes.push_back(Json::array({at, texts.index_of(note)}));
                }
            }
            Json bits = Json::array();
            if (const auto found = intercepts.find(row.name); found != intercepts.end()) {
                for (const svm::Intercept bit : found->second) {
                    bits.push_back(texts.index_of(std::string{svm::intercept_name(bit)}));
                }
            }
            const auto found = by_name.find(row.name);
            const cases::Case* const one = found == by_name.end() ? nullptr : found->second;
            rows.push_back(Json::array({one_line(row.name), std::move(verdicts), std::move(notes),
                                        texts.index_of(one != nullptr ? one->manual : ""),
                                        texts.index_of(one != nullptr ? one->file : ""),
                                        one != nullptr ? one->line : 0, std::move(bits)}));
        }
        return script_json({{"verdicts", verdict_names},
                            {"kinds", verdict_classes},
                            {"targets", std::move(names)},
                            {"texts", texts.texts()},
                            {"source", source_url_},
                            {"cases", std::move(rows)}});
    }

    const Matrix& matrix_;
    const MatrixInfo& info_;
    const cases::Catalogue& catalogue_;
    const std::string& source_url_;
};

} // namespace

std::string matrix_html(const Matrix& matrix, const MatrixInfo& info,
                        const cases::Catalogue& catalogue, const std::string& source_url) {
    return MatrixPage{matrix, info, catalogue, source_url}.render();
}

} // namespace vmrunit::runner
