// SPDX-License-Identifier: GPL-2.0-only
// Where report text goes: a file, a standard stream, or a file that appears under its name only
// when it is complete. A full disk or a closed pipe is remembered, never thrown: the run goes on.
#pragma once

#include "host_runner/error.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace vmrunit::runner {

class Output {
public:
    virtual ~Output() = default;
    virtual void write(std::string_view text) = 0;
    /// The first write that failed; nothing is written after it.
    [[nodiscard]] virtual std::optional<Error> trouble() const { return std::nullopt; }
};

/// Unbuffered: what `write` returned from has left the process, so a crash loses nothing of it.
class FileOutput final : public Output {
public:
    /// Creates or empties the file. "-" is standard output. Messages call it `name`, if that is
    /// given.
    [[nodiscard]] static Result<FileOutput> open(const std::filesystem::path& path,
                                                 std::string name = {});
    /// A descriptor that somebody else owns; `name` stands in messages.
    FileOutput(int descriptor, std::string name)
        : descriptor_{descriptor}, name_{std::move(name)} {}
    FileOutput(FileOutput&& other) noexcept;
    FileOutput& operator=(FileOutput&&) = delete;
    ~FileOutput() override;

    void write(std::string_view text) override;
    [[nodiscard]] std::optional<Error> trouble() const override { return trouble_; }
    [[nodiscard]] int descriptor() const { return descriptor_; }
    /// Some file systems report a full disk only here.
    void close();

private:
    int descriptor_;
    bool owned_ = false;
    std::string name_;
    std::optional<Error> trouble_;
};

/// Can a file be put there at the end of the run? Asked at its start, so that a misspelt folder
/// costs no run. "-" always can.
[[nodiscard]] std::optional<Error> cannot_write(const std::filesystem::path& path);

/// Puts a whole file in place: written beside it and renamed, so that a reader sees the old file or
/// the new one and never half of it. Devices, pipes and "-" are written directly.
[[nodiscard]] std::optional<Error> write_whole_file(const std::filesystem::path& path,
                                                    std::string_view text);

} // namespace vmrunit::runner
