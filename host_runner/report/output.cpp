// SPDX-License-Identifier: GPL-2.0-only
// See output.hpp.
#include "host_runner/report/output.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

namespace vmrunit::runner {
namespace {

Error write_error(const std::string& name, int number) {
    std::string cure;
    if (number == ENOSPC || number == EDQUOT) {
        cure = "make room or write the report elsewhere";
    }
    return {fmt::format("cannot write {}: {}", name, std::strerror(number)), cure};
}

/// Only a file of its own kind may be replaced by a rename; /dev/null must stay what it is.
bool replaceable(const std::filesystem::path& path) {
    std::error_code ignored;
    const auto status = std::filesystem::symlink_status(path, ignored);
    return status.type() == std::filesystem::file_type::not_found ||
           status.type() == std::filesystem::file_type::regular;
}

} // namespace

Result<FileOutput> FileOutput::open(const std::filesystem::path& path, std::string name) {
    if (path == "-") {
        return FileOutput{STDOUT_FILENO, "standard output"};
    }
    if (name.empty()) {
        name = path.string();
    }
    const int descriptor =
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
    if (descriptor < 0) {
        return tl::unexpected{write_error(name, errno)};
    }
    FileOutput output{descriptor, std::move(name)};
    output.owned_ = true;
    return output;
}

FileOutput::FileOutput(FileOutput&& other) noexcept
    : descriptor_{std::exchange(other.descriptor_, -1)},
      owned_{std::exchange(other.owned_, false)},
      name_{std::move(other.name_)},
      trouble_{std::move(other.trouble_)} {}

FileOutput::~FileOutput() {
    close();
}

void FileOutput::close() {
    if (owned_ && ::close(descriptor_) != 0 && !trouble_) {
        trouble_ = write_error(name_, errno);
    }
    owned_ = false;
    descriptor_ = -1;
}

void FileOutput::write(std::string_view text) {
    while (!trouble_ && !text.empty()) {
        const ssize_t written = ::write(descriptor_, text.data(), text.size());
        if (written >= 0) {
            text.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno == EAGAIN) {
            // Somebody made our standard stream non-blocking; wait as a blocking one would.
            pollfd waiting{.fd = descriptor_, .events = POLLOUT, .revents = 0};
            ::poll(&waiting, 1, -1);
        } else if (errno != EINTR) {
            trouble_ = write_error(name_, errno);
        }
    }
}

std::optional<Error> cannot_write(const std::filesystem::path& path) {
    if (path == "-") {
        return std::nullopt;
    }
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) {
        return Error{fmt::format("cannot write {}: it is a folder", path.string()), "name a file"};
    }
    const bool present = std::filesystem::exists(path, error);
    const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path{"."};
    const auto& tested = present && !replaceable(path) ? path : folder;
    if (::access(tested.c_str(), W_OK) != 0) {
        return Error{fmt::format("cannot write {}: {}: {}", path.string(), tested.string(),
                                 std::strerror(errno)),
                     {}};
    }
    return std::nullopt;
}

std::optional<Error> write_whole_file(const std::filesystem::path& path, std::string_view text) {
    const bool direct = path == "-" || !replaceable(path);
    const std::filesystem::path first =
        direct ? path : std::filesystem::path{fmt::format("{}.{}.new", path.string(), ::getpid())};
    auto output = FileOutput::open(first, path.string());
    if (!output) {
        return output.error();
    }
    output->write(text);
    output->close();
    std::optional<Error> trouble = output->trouble();
    if (direct) {
        return trouble;
    }
    if (!trouble && ::rename(first.c_str(), path.c_str()) != 0) {
        trouble = write_error(path.string(), errno);
    }
    if (trouble) {
        ::unlink(first.c_str());
    }
    return trouble;
}

} // namespace vmrunit::runner
