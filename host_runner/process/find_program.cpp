// SPDX-License-Identifier: GPL-2.0-only
// Finds a program as a shell would.
#include "host_runner/process/find_program.hpp"

#include "host_runner/files/file_descriptor.hpp"

#include <cerrno>
#include <cstdlib>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

namespace vmrunit::runner {

namespace {

/// 0, or the errno that says why it cannot be executed.
int why_not_executable(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
        return errno;
    }
    if (S_ISDIR(status.st_mode)) {
        return EISDIR;
    }
    return ::access(path.c_str(), X_OK) == 0 ? 0 : errno;
}

} // namespace

Result<std::string> find_program(const std::string& name) {
    if (name.empty()) {
        return failure("no program named");
    }
    if (name.find('/') != std::string::npos) {
        if (const int reason = why_not_executable(name); reason != 0) {
            return failure(with_errno(name, reason));
        }
        return name;
    }
    const char* const path = std::getenv("PATH");
    std::istringstream folders{path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin"};
    for (std::string folder; std::getline(folders, folder, ':');) {
        // An empty entry means the current folder.
        const std::string candidate = (folder.empty() ? "." : folder) + "/" + name;
        if (why_not_executable(candidate) == 0) {
            return candidate;
        }
    }
    return failure(name + ": not found in PATH");
}

} // namespace vmrunit::runner
