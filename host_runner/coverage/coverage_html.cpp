// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/coverage/coverage_html.hpp"

#include "host_runner/coverage/coverage_page.hpp"
#include "host_runner/coverage/coverage_text.hpp"
#include "host_runner/coverage/item_state.hpp"
#include "host_runner/coverage/vmcb_coverage.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <kainjow/mustache.hpp>
#include <string_view>

namespace vmrunit::runner {

namespace {

using kainjow::mustache::data;
using List = kainjow::mustache::list;

/// What every exit shows has thousands of rows; `vmrunit coverage ITEM` lists them all.
constexpr std::size_t groups_shown = 8;

/// One word with its bits from the highest down, as manuals draw them.
class WordMap {
public:
    explicit WordMap(std::string_view word) : word_(word) {}

    [[nodiscard]] const std::string& word() const { return word_; }

    void add(const ItemCoverage& item) {
        const std::size_t end =
            std::min<std::size_t>(item.item->bit + item.item->bits, cells_.size());
        const ItemState state = state_of(item);
        for (std::size_t bit = item.item->bit; bit < end; ++bit) {
            Cell& cell = cells_[bit];
            if (cell.first.empty()) {
                cell.first = item.item->id;
                cell.state = state;
            }
            cell.state = std::min(cell.state, state);
            cell.hint += fmt::format("{}: {}\n", item.item->id, name_of(state));
        }
    }

    [[nodiscard]] data draw() const {
        const bool wide = std::ranges::any_of(cells_.begin() + 32, cells_.end(),
                                              [](const Cell& cell) { return !cell.first.empty(); });
        List cells;
        for (std::size_t bit = wide ? cells_.size() : 32; bit-- > 0;) {
            const Cell& cell = cells_[bit];
            data drawn{"bit", std::to_string(bit)};
            drawn["empty"] = cell.first.empty() ? data::type::bool_true : data::type::bool_false;
            drawn["state"] = std::string{name_of(cell.state)};
            drawn["first"] = cell.first;
            drawn["hint"] = cell.hint;
            cells.push_back(drawn);
        }
        data drawn{"word", word_};
        drawn["wide"] = wide ? data::type::bool_true : data::type::bool_false;
        drawn["cells"] = data{cells};
        return drawn;
    }

private:
    struct Cell {
        std::string first; ///< Id of the first item; empty: the bit has none.
        ItemState state = ItemState::excused;
        std::string hint;
    };
    std::string word_;
    std::array<Cell, 64> cells_;
};

List words_of(const FamilyCoverage& family) {
    std::vector<WordMap> words;
    for (const ItemCoverage& item : family.items) {
        if (item.item->word.empty()) {
            continue;
        }
        auto found = std::ranges::find(words, item.item->word, &WordMap::word);
        if (found == words.end()) {
            words.emplace_back(item.item->word);
            found = words.end() - 1;
        }
        found->add(item);
    }
    List drawn;
    for (const WordMap& word : words) {
        drawn.push_back(word.draw());
    }
    return drawn;
}

data row_of(const ItemCoverage& item) {
    data row{"id", item.item->id};
    row["what"] = item.item->title;
    row["manual"] = item.item->manual;
    row["state"] = std::string{name_of(state_of(item))};
    if (item.shown_by.empty() && !item.reason.empty()) {
        row["reason"] = item.reason;
    }
    const std::vector<CaseGroup> all = grouped(item.shown_by);
    List groups;
    for (std::size_t i = 0; i < std::min(all.size(), groups_shown); ++i) {
        data made{"glob", all[i].glob};
        made["count"] = std::to_string(all[i].cases);
        groups.push_back(made);
    }
    row["groups"] = data{groups};
    if (all.size() > groups_shown) {
        row["more"] = fmt::format("and {} rows more", all.size() - groups_shown);
    }
    List verdicts;
    for (const VerdictCounts& counts : item.verdicts) {
        verdicts.push_back(data{"text", verdicts_text(counts)});
    }
    row["verdicts"] = data{verdicts};
    return row;
}

data family_data(const FamilyCoverage& family, const List& targets) {
    const FamilyTally sum = tally(family);
    data made{"name", family.family->name};
    made["title"] = family.family->title;
    made["items"] = std::to_string(sum.items);
    made["covered"] = std::to_string(sum.covered);
    made["excused"] = std::to_string(sum.excused);
    made["missing"] = std::to_string(sum.missing);
    made["confirmed"] = std::to_string(sum.confirmed);
    const List words = words_of(family);
    made["has_words"] = words.empty() ? data::type::bool_false : data::type::bool_true;
    made["words"] = data{words};
    made["open"] = words.empty() ? data::type::bool_true : data::type::bool_false;
    List rows;
    for (const ItemCoverage& item : family.items) {
        rows.push_back(row_of(item));
    }
    made["rows"] = data{rows};
    made["targets"] = data{targets};
    return made;
}

} // namespace

std::string coverage_html(const Coverage& coverage) {
    List targets;
    for (const std::string& target : coverage.targets) {
        targets.push_back(data{"target", target});
    }
    List families;
    for (const FamilyCoverage& family : coverage.families) {
        families.push_back(family_data(family, targets));
    }
    data page{"families", data{families}};
    page["results"] =
        coverage.targets.empty()
            ? std::string{"Without results: no case has a verdict here."}
            : fmt::format("With the results of {}.", fmt::join(coverage.targets, ", "));
    page["vmcb"] = vmcb_coverage_svg(coverage);
    kainjow::mustache::mustache frame{coverage_page};
    return frame.render(page);
}

} // namespace vmrunit::runner
