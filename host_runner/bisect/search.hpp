// SPDX-License-Identifier: GPL-2.0-only
// The search for the first version that is bad: an order of candidates, what is known of some of
// them, and which one to ask about next.
#pragma once

#include "host_runner/error.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::runner {

enum class Answer : std::uint8_t {
    good,
    bad,
    skip, ///< Cannot be told: it does not build, does not boot, or the case does not apply to it.
};

[[nodiscard]] std::string_view to_string(Answer answer);
[[nodiscard]] std::optional<Answer> answer_from(std::string_view word);

struct Candidate {
    std::string id;    ///< A commit, a version, a path: what distinguishes it for good.
    std::string title; ///< For people.
};

/// What a search that is over has found.
struct Finding {
    std::vector<Candidate> suspects; ///< One: the first bad. Several: all but one were skipped.
    Candidate last_good;
};

class Search {
public:
    virtual ~Search() = default;
    /// The candidates that the user called good and bad. They are asked about first.
    [[nodiscard]] virtual Candidate good_end() const = 0;
    [[nodiscard]] virtual Candidate bad_end() const = 0;
    /// Makes the search ready once both ends are what they were called.
    [[nodiscard]] virtual Result<void> begin() = 0;
    /// Nothing when the search is over.
    [[nodiscard]] virtual Result<std::optional<Candidate>> next() = 0;
    [[nodiscard]] virtual Result<void> tell(const Candidate& candidate, Answer answer) = 0;
    /// Candidates between the ends, for the plan, and questions that are likely still to come.
    [[nodiscard]] virtual std::size_t candidates() const = 0;
    [[nodiscard]] virtual std::size_t steps_left() const = 0;
    [[nodiscard]] virtual Result<Finding> finding() = 0;
};

/// Over a list in order, good at one end and bad at the other. Of a list that is given from bad to
/// good, the last bad is found.
class ListSearch final : public Search {
public:
    /// Fails if an end is not in the list, or both are the same.
    [[nodiscard]] static Result<ListSearch> create(std::vector<Candidate> list,
                                                   const std::string& good, const std::string& bad);

    [[nodiscard]] Candidate good_end() const override { return list_.front(); }
    [[nodiscard]] Candidate bad_end() const override { return list_.back(); }
    [[nodiscard]] Result<void> begin() override { return {}; }
    [[nodiscard]] Result<std::optional<Candidate>> next() override;
    [[nodiscard]] Result<void> tell(const Candidate& candidate, Answer answer) override;
    [[nodiscard]] std::size_t candidates() const override { return list_.size() - 2; }
    [[nodiscard]] std::size_t steps_left() const override;
    [[nodiscard]] Result<Finding> finding() override;

private:
    explicit ListSearch(std::vector<Candidate> list)
        : list_{std::move(list)}, bad_{list_.size() - 1} {}

    std::vector<Candidate> list_; ///< From the good end to the bad one.
    std::size_t good_ = 0;        ///< The last that is known to be good.
    std::size_t bad_;             ///< The first that is known to be bad.
    std::map<std::size_t, bool> skipped_;
};

} // namespace vmrunit::runner
