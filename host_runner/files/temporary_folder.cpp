// SPDX-License-Identifier: GPL-2.0-only
// A temporary folder and its guardian.
#include "host_runner/files/temporary_folder.hpp"

#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace vmrunit::runner {

namespace {

// It is in a process group of its own, where a terminal's Ctrl-C does not reach it; a shutdown of
// the machine sends SIGTERM to everybody.
constexpr const char* guardian_script =
    "trap '' HUP INT TERM; while read -r word; do :; done; rm -rf -- \"$1\"";

std::filesystem::path parent_folder() {
    const char* const named = std::getenv("TMPDIR");
    return named != nullptr && *named != '\0' ? named : "/tmp";
}

} // namespace

Result<TemporaryFolder> TemporaryFolder::create() {
    std::string name = (parent_folder() / "vmrunit-XXXXXX").string();
    auto line = open_socket_pair();
    if (!line) {
        return tl::unexpected(line.error());
    }
    if (::mkdtemp(name.data()) == nullptr) {
        return failure(with_errno("cannot create the folder " + name, errno),
                       "name another place in TMPDIR");
    }
    const std::filesystem::path path = std::filesystem::absolute(name);
    Command command;
    command.arguments = {"/bin/sh", "-c", guardian_script, "vmrunit-guardian", path.string()};
    command.input = line->theirs.number();
    command.dies_with_parent = false;
    auto guardian = Process::start(command);
    if (!guardian) {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
        return tl::unexpected(guardian.error());
    }
    return TemporaryFolder{path, std::move(*guardian), std::move(line->ours)};
}

TemporaryFolder::~TemporaryFolder() {
    if (!line_.is_open()) {
        return; // moved from
    }
    std::error_code failed;
    std::filesystem::remove_all(path_, failed);
    if (failed) {
        line_.reset(); // the guardian tries in its turn
        static_cast<void>(guardian_.wait_for(std::chrono::seconds{10}));
    }
}

} // namespace vmrunit::runner
