// SPDX-License-Identifier: GPL-2.0-only
// Results of many runs in one SQLite file: what a case came to over targets, versions and time.
#pragma once

#include "host_runner/history/database.hpp"
#include "host_runner/report/run_record.hpp"

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace vmrunit::runner {

/// One case's verdicts on one version of one target.
struct HistoryLine {
    std::string case_name;
    std::string target;
    std::string subject;  ///< What was tested, with its version: "QEMU 7.2.22, TCG".
    std::string verdicts; ///< A letter each, oldest first: P F S E, X for XFAIL, U for XPASS,
                          ///< f for FLAKY.
    std::string first;    ///< UTC times of the oldest and the newest.
    std::string last;
    std::string last_verdict;
    std::string last_reason;
    std::size_t results = 0;
    std::size_t unstable = 0; ///< Results unlike the one before of the subject, or flaky.
};

class History {
public:
    /// Opens the file, or creates it if `create`. An error says if it is no history, or one of
    /// another version.
    [[nodiscard]] static Result<History> open(const std::filesystem::path& path, bool create);

    /// Adds a run as a whole, or not at all. A run that is in there already is not added again.
    [[nodiscard]] Result<void> add(const RunRecord& record);

    /// Lines of the cases of these names, by case, target and time of the first result.
    [[nodiscard]] Result<std::vector<HistoryLine>> lines(std::span<const std::string> names);

    [[nodiscard]] Result<std::size_t> runs();

private:
    explicit History(Database database, std::string name)
        : database_{std::move(database)}, name_{std::move(name)} {}

    void check_version();
    void insert(const RunRecord& record);
    [[nodiscard]] Error error_of(const std::exception& error) const;

    Database database_;
    std::string name_;
};

} // namespace vmrunit::runner
