// SPDX-License-Identifier: GPL-2.0-only
// A folder for files that need a name, removed when its owner goes, however that happens. A small
// shell of its own watches over it: it removes the folder when the runner is gone, be it by Ctrl-C
// or by SIGKILL. Prefer files without a name (memory_file.hpp) where they do.
#pragma once

#include "host_runner/process/process.hpp"

#include <filesystem>
#include <string>

namespace vmrunit::runner {

class TemporaryFolder {
public:
    /// Below $TMPDIR or /tmp, for the user's eyes only.
    [[nodiscard]] static Result<TemporaryFolder> create();

    TemporaryFolder(TemporaryFolder&&) noexcept = default;
    TemporaryFolder& operator=(TemporaryFolder&&) = delete;
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder();

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    TemporaryFolder(std::filesystem::path path, Process guardian, FileDescriptor line)
        : path_{std::move(path)}, guardian_{std::move(guardian)}, line_{std::move(line)} {}

    std::filesystem::path path_;
    Process guardian_;
    FileDescriptor line_; ///< Its end is what the guardian waits for.
};

} // namespace vmrunit::runner
