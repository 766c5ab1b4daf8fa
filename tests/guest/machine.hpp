// SPDX-License-Identifier: GPL-2.0-only
// Host side of these tests: programs started with a deadline, QEMU with a payload, and the lines
// the payload printed. Everything started here is dead and reaped when the call returns.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace vmrunit::guest_test {

struct Output {
    std::string text;   // standard output
    std::string errors; // standard error
    bool reached_end;   // the end text came; the program was killed then
    bool timed_out;
    int exit_status; // as from waitpid(); of no interest after reached_end or timed_out
};

// Standard input is empty. Stops when a line begins with `end`, or at the deadline.
[[nodiscard]] Output run_until_end(const std::vector<std::string>& command,
                                   std::chrono::milliseconds deadline,
                                   const std::string& end = "end\n");

// The payloads are built into the folder of the test program.
[[nodiscard]] std::filesystem::path payload(const std::string& name);

// The QEMU command that all tests share; `more` is appended.
[[nodiscard]] std::vector<std::string> qemu(const std::string& cpu,
                                            const std::vector<std::string>& more);

// A folder that disappears with its object.
class TemporaryFolder {
public:
    TemporaryFolder();
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    std::filesystem::path write(const std::string& name, const std::string& content) const;

private:
    std::filesystem::path path_;
};

// name -> value, for each "case=..." line a table of its own; "" before the first of them.
using Table = std::map<std::string, std::string>;
using Report = std::map<std::string, Table>;
[[nodiscard]] Report parse_report(const std::string& text);

} // namespace vmrunit::guest_test
