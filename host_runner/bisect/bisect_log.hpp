// SPDX-License-Identifier: GPL-2.0-only
// What a bisection has found out so far, on disk as soon as it is known: one JSON object per line,
// first the question, then an answer each. An interrupted bisection goes on from it.
#pragma once

#include "host_runner/bisect/search.hpp"
#include "host_runner/files/file_descriptor.hpp"

#include <filesystem>
#include <map>
#include <string>

namespace vmrunit::runner {

class BisectLog {
public:
    struct Entry {
        Answer answer = Answer::skip;
        std::string why; ///< Of a skip.
    };

    /// Opens or makes the log of `question` (JSON, one line) and holds it for this process alone.
    /// Fails if the file holds another question, or another process has it.
    [[nodiscard]] static Result<BisectLog> open(const std::filesystem::path& path,
                                                const std::string& question);

    /// What is known of a candidate; nothing if it was not asked about.
    [[nodiscard]] const Entry* find(const std::string& id) const;
    [[nodiscard]] std::size_t size() const { return entries_.size(); }
    /// On disk when it returns.
    [[nodiscard]] Result<void> add(const std::string& id, Entry entry);

private:
    BisectLog(std::filesystem::path path, FileDescriptor file)
        : path_{std::move(path)}, file_{std::move(file)} {}
    [[nodiscard]] Result<void> append(const std::string& line);

    std::filesystem::path path_;
    FileDescriptor file_;
    std::map<std::string, Entry> entries_;
};

} // namespace vmrunit::runner
