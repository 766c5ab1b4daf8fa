// SPDX-License-Identifier: GPL-2.0-only
// The search over commits, driven by `git bisect` in a clone of its own that shares the objects of
// the user's repository: neither the user's files nor his refs, index or worktrees are touched.
#pragma once

#include "host_runner/bisect/search.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace vmrunit::runner {

class GitSearch final : public Search {
public:
    /// Makes the clone in `folder` (or takes the one that is there) and looks the commits up. Fails
    /// on what is no repository, unknown commits, or a good one that is no ancestor of the bad one.
    [[nodiscard]] static Result<GitSearch> create(const std::filesystem::path& repository,
                                                  const std::filesystem::path& folder,
                                                  const std::string& good, const std::string& bad);

    [[nodiscard]] Candidate good_end() const override { return good_; }
    [[nodiscard]] Candidate bad_end() const override { return bad_; }
    [[nodiscard]] Result<void> begin() override;
    [[nodiscard]] Result<std::optional<Candidate>> next() override;
    [[nodiscard]] Result<void> tell(const Candidate& candidate, Answer answer) override;
    [[nodiscard]] std::size_t candidates() const override { return between_; }
    [[nodiscard]] std::size_t steps_left() const override;
    [[nodiscard]] Result<Finding> finding() override;

    /// Puts the files of a commit into the clone. Files that were built stay.
    [[nodiscard]] Result<void> check_out(const std::string& commit) const;
    [[nodiscard]] bool has_path(const std::string& commit, const std::string& path) const;
    /// Paths that differ between two commits.
    [[nodiscard]] Result<std::vector<std::string>> changed_paths(const std::string& from,
                                                                 const std::string& to) const;
    [[nodiscard]] const std::filesystem::path& tree() const { return tree_; }

private:
    explicit GitSearch(std::filesystem::path tree) : tree_{std::move(tree)} {}

    [[nodiscard]] Result<std::string> git(std::vector<std::string> arguments) const;
    [[nodiscard]] Result<Candidate> look_up(const std::string& commit) const;
    [[nodiscard]] Result<std::vector<std::string>> lines(std::vector<std::string> arguments) const;

    std::filesystem::path tree_;
    Candidate good_;
    Candidate bad_;
    std::size_t between_ = 0;
    bool begun_ = false;
};

} // namespace vmrunit::runner
