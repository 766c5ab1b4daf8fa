// SPDX-License-Identifier: GPL-2.0-only
// See search.hpp.
#include "host_runner/bisect/search.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <fmt/format.h>

namespace vmrunit::runner {

namespace {

constexpr std::array<std::string_view, 3> answer_names{"good", "bad", "skip"};

/// By its whole id, or by what of it is the only one.
Result<std::size_t> find_one(const std::vector<Candidate>& list, const std::string& word) {
    std::vector<std::size_t> ending;
    std::string offered;
    for (std::size_t at = 0; at < list.size(); ++at) {
        if (list[at].id == word) {
            return at;
        }
        if (list[at].id.ends_with("/" + word) || list[at].id.starts_with(word + ".")) {
            ending.push_back(at);
        }
        offered += (offered.empty() ? "" : ", ") + list[at].id;
    }
    if (ending.size() == 1) {
        return ending.front();
    }
    return failure(fmt::format("'{}' is {} the versions to search", word,
                               ending.empty() ? "none of" : "more than one of"),
                   "they are " + offered);
}

} // namespace

std::string_view to_string(Answer answer) {
    return answer_names[static_cast<std::size_t>(answer)];
}

std::optional<Answer> answer_from(std::string_view word) {
    const auto* found = std::ranges::find(answer_names, word);
    return found == answer_names.end()
               ? std::nullopt
               : std::optional{static_cast<Answer>(found - answer_names.begin())};
}

Result<ListSearch> ListSearch::create(std::vector<Candidate> list, const std::string& good,
                                      const std::string& bad) {
    const auto first = find_one(list, good);
    const auto last = find_one(list, bad);
    if (!first || !last) {
        return tl::unexpected(first ? last.error() : first.error());
    }
    if (*first == *last) {
        return failure("the good and the bad version are the same, " + list[*first].id,
                       "give one that passes and one that fails");
    }
    const auto at = [&](std::size_t index) {
        return list.begin() + static_cast<std::ptrdiff_t>(index);
    };
    std::vector<Candidate> between(at(std::min(*first, *last)), at(std::max(*first, *last)) + 1);
    if (*first > *last) {
        std::ranges::reverse(between);
    }
    return ListSearch{std::move(between)};
}

Result<std::optional<Candidate>> ListSearch::next() {
    // The one nearest to the middle that was not skipped.
    const std::size_t middle = (good_ + bad_) / 2;
    for (std::size_t away = 0; away < list_.size(); ++away) {
        for (const std::size_t at : {middle - std::min(away, middle), middle + away}) {
            if (at > good_ && at < bad_ && !skipped_.contains(at)) {
                return std::optional{list_[at]};
            }
        }
    }
    return std::optional<Candidate>{};
}

Result<void> ListSearch::tell(const Candidate& candidate, Answer answer) {
    const auto found = std::ranges::find(list_, candidate.id, &Candidate::id);
    const auto at = static_cast<std::size_t>(found - list_.begin());
    switch (answer) {
    case Answer::good:
        good_ = std::max(good_, at);
        break;
    case Answer::bad:
        bad_ = std::min(bad_, at);
        break;
    case Answer::skip:
        skipped_.emplace(at, true);
        break;
    }
    return {};
}

std::size_t ListSearch::steps_left() const {
    return static_cast<std::size_t>(std::bit_width(bad_ - good_ - 1));
}

Result<Finding> ListSearch::finding() {
    Finding finding;
    finding.last_good = list_[good_];
    for (std::size_t at = good_ + 1; at <= bad_; ++at) {
        finding.suspects.push_back(list_[at]);
    }
    return finding;
}

} // namespace vmrunit::runner
