// SPDX-License-Identifier: GPL-2.0-only
// Keeping what was fetched.
#include "host_runner/debian/package_folder.hpp"

#include "host_runner/debian/package_version.hpp"
#include "host_runner/files/file_descriptor.hpp"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/file.h>
#include <vector>

namespace vmrunit::runner {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view unfinished = ".unfinished-";

/// One fetch at a time; the kernel takes the lock back if its owner dies.
class FetchLock {
public:
    static Result<FetchLock> take(const fs::path& file, const std::string& what, const Tell& tell) {
        FetchLock lock;
        lock.file_ = FileDescriptor{::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)};
        if (!lock.file_.is_open()) {
            return failure(with_errno("cannot write " + file.string(), errno));
        }
        if (::flock(lock.file_.number(), LOCK_EX | LOCK_NB) != 0) {
            tell("another vmrunit is fetching a " + what + "; waiting for it");
            while (::flock(lock.file_.number(), LOCK_EX) != 0) {
                if (errno != EINTR) {
                    return failure(with_errno("cannot lock " + file.string(), errno));
                }
            }
        }
        return lock;
    }

private:
    FileDescriptor file_;
};

/// A folder that goes unless it is kept.
class ScratchFolder {
public:
    explicit ScratchFolder(fs::path path) : path_{std::move(path)} {}
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;
    ~ScratchFolder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    [[nodiscard]] const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

/// What is unfinished now was left by somebody who was killed.
void remove_leftovers(const fs::path& folder) {
    std::vector<fs::path> leftovers;
    std::error_code error;
    for (fs::directory_iterator it{folder, error}, end; !error && it != end; it.increment(error)) {
        if (it->path().filename().string().starts_with(unfinished)) {
            leftovers.push_back(it->path());
        }
    }
    for (const auto& leftover : leftovers) {
        fs::remove_all(leftover, error);
    }
}

} // namespace

Result<fs::path> PackageFolder::cache() {
    if (const char* const cache = std::getenv("XDG_CACHE_HOME");
        cache != nullptr && *cache == '/') {
        return fs::path{cache} / "vmrunit";
    }
    if (const char* const home = std::getenv("HOME"); home != nullptr && *home == '/') {
        return fs::path{home} / ".cache" / "vmrunit";
    }
    return failure("no place to keep packages", "set XDG_CACHE_HOME or HOME");
}

std::optional<std::string> PackageFolder::find(std::string_view wanted) const {
    std::optional<std::string> newest;
    std::error_code error;
    for (fs::directory_iterator it{path_, error}, end; !error && it != end; it.increment(error)) {
        const auto version = it->path().filename().string();
        if (version_covers(wanted, version) && fs::exists(it->path() / mark_, error) &&
            (!newest || version_is_older(*newest, version))) {
            newest = version;
        }
    }
    return newest;
}

Result<std::string> PackageFolder::obtain(std::string_view wanted, const Make& make,
                                          const Tell& tell) const {
    std::error_code error;
    fs::create_directories(path_, error);
    if (error) {
        return failure("cannot create " + path_.string() + ": " + error.message(),
                       "name another place in XDG_CACHE_HOME");
    }
    const auto lock = FetchLock::take(path_ / ".lock", what_, tell);
    if (!lock) {
        return tl::unexpected(lock.error());
    }
    if (const auto version = find(wanted)) { // fetched by the one we waited for
        return *version;
    }
    remove_leftovers(path_);
    const ScratchFolder unpacked{path_ / (std::string{unfinished} + "packages")};
    const ScratchFolder kept{path_ / (std::string{unfinished} + what_)};
    for (const auto* folder : {&unpacked, &kept}) {
        fs::create_directories(folder->path(), error);
        if (error) {
            return failure("cannot create " + folder->path().string() + ": " + error.message());
        }
    }
    auto version = make(unpacked.path(), kept.path());
    if (!version) {
        return version;
    }
    const auto place = path_ / *version;
    fs::remove_all(place, error); // an incomplete one
    fs::rename(kept.path(), place, error);
    if (error) {
        return failure("cannot create " + place.string() + ": " + error.message());
    }
    return *version;
}

} // namespace vmrunit::runner
