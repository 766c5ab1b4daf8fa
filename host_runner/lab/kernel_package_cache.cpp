// SPDX-License-Identifier: GPL-2.0-only
// Keeping kernels. A folder becomes visible by one rename; a file of checksums in it tells whether
// it still is what it was.
#include "host_runner/lab/kernel_package_cache.hpp"

#include "harness/wire/crc32.hpp"
#include "host_runner/files/file_descriptor.hpp"
#include "host_runner/lab/debian_archive.hpp"
#include "host_runner/lab/kernel_image.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <map>
#include <sys/file.h>
#include <vector>

namespace vmrunit::runner {

namespace fs = std::filesystem;

namespace {

constexpr const char* image_name = "vmlinuz";
constexpr const char* check_name = "checksums";
constexpr const char* origin_name = "origin";
constexpr std::string_view unfinished = ".unfinished-";

/// One fetch at a time; the kernel takes the lock back if its owner dies.
class FetchLock {
public:
    static Result<FetchLock> take(const fs::path& file, const KernelPackageCache::Tell& tell) {
        FetchLock lock;
        lock.file_ = FileDescriptor{::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)};
        if (!lock.file_.is_open()) {
            return failure(with_errno("cannot write " + file.string(), errno));
        }
        if (::flock(lock.file_.number(), LOCK_EX | LOCK_NB) != 0) {
            tell("another vmrunit is fetching a kernel; waiting for it");
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

Result<std::uint32_t> checksum_of(const fs::path& file) {
    std::ifstream stream{file, std::ios::binary};
    wire::Crc32 crc;
    std::vector<char> buffer(std::size_t{256} * 1024);
    while (stream) {
        stream.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
        const auto count = static_cast<std::size_t>(stream.gcount());
        crc.update(std::as_bytes(std::span{buffer}.first(count)));
    }
    if (!stream.eof()) {
        return failure("cannot read " + file.string());
    }
    return crc.value();
}

/// A line for each file: checksum, size, name.
Result<std::string> checksums_of(const fs::path& folder) {
    std::map<std::string, fs::path> files;
    std::error_code error;
    for (fs::directory_iterator it{folder, error}, end; !error && it != end; it.increment(error)) {
        if (it->path().filename() != check_name) {
            files.emplace(it->path().filename(), it->path());
        }
    }
    std::string text;
    for (const auto& [name, path] : files) {
        const auto sum = checksum_of(path);
        if (!sum) {
            return tl::unexpected(sum.error());
        }
        text += fmt::format("{:08x} {:10} {}\n", *sum, fs::file_size(path, error), name);
    }
    return text;
}

Result<void> write_file(const fs::path& file, std::span<const std::byte> content) {
    std::ofstream stream{file, std::ios::binary};
    stream.write(reinterpret_cast<const char*>(content.data()),
                 static_cast<std::streamsize>(content.size()));
    if (!stream.flush()) {
        return failure("cannot write " + file.string() + ": " + std::strerror(errno));
    }
    return {};
}

std::string read_text(const fs::path& file) {
    std::ifstream stream{file};
    return {std::istreambuf_iterator<char>{stream}, {}};
}

/// What of an unpacked kernel is kept.
Result<void> reduce(const KernelFiles& kernel, const std::string& origin, const fs::path& into) {
    std::error_code error;
    fs::copy_file(kernel.image, into / image_name, error);
    if (error) {
        return failure("cannot copy " + kernel.image.string() + ": " + error.message());
    }
    for (const auto& module : kernel.modules) {
        if (auto written = write_file(into / (module.name + ".ko"), module.content); !written) {
            return written;
        }
    }
    if (auto written = write_file(into / origin_name, std::as_bytes(std::span{origin})); !written) {
        return written;
    }
    const auto sums = checksums_of(into);
    if (!sums) {
        return tl::unexpected(sums.error());
    }
    return write_file(into / check_name, std::as_bytes(std::span{*sums}));
}

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

} // namespace

Result<fs::path> KernelPackageCache::default_folder() {
    if (const char* const cache = std::getenv("XDG_CACHE_HOME");
        cache != nullptr && *cache == '/') {
        return fs::path{cache} / "vmrunit";
    }
    if (const char* const home = std::getenv("HOME"); home != nullptr && *home == '/') {
        return fs::path{home} / ".cache" / "vmrunit";
    }
    return failure("no place to keep kernels", "set XDG_CACHE_HOME or HOME");
}

std::optional<std::string> KernelPackageCache::find(std::string_view wanted) const {
    std::optional<std::string> newest;
    std::error_code error;
    for (fs::directory_iterator it{kernels(), error}, end; !error && it != end;
         it.increment(error)) {
        const auto version = it->path().filename().string();
        if (version_covers(wanted, version) && fs::exists(it->path() / check_name, error) &&
            (!newest || version_is_older(*newest, version))) {
            newest = version;
        }
    }
    return newest;
}

Result<KernelFiles> KernelPackageCache::load(const std::string& version) const {
    const auto folder = kernels() / version;
    const auto sums = checksums_of(folder);
    if (!sums || *sums != read_text(folder / check_name)) {
        return failure("the kernel in " + folder.string() + " is damaged",
                       "remove that folder; it is fetched anew");
    }
    auto files = load_kernel_files(folder / image_name, {{folder}, {}});
    if (files) {
        files->origin = read_text(folder / origin_name);
    }
    return files;
}

Result<KernelFiles> KernelPackageCache::obtain(std::string_view wanted, const Source& source,
                                               const Tell& tell) const {
    if (const auto version = find(wanted)) {
        return load(*version);
    }
    const auto version = fetch(wanted, source, tell);
    if (!version) {
        return tl::unexpected(version.error());
    }
    return load(*version);
}

Result<std::string> KernelPackageCache::fetch(std::string_view wanted, const Source& source,
                                              const Tell& tell) const {
    std::error_code error;
    fs::create_directories(kernels(), error);
    if (error) {
        return failure("cannot create " + kernels().string() + ": " + error.message(),
                       "name another place in XDG_CACHE_HOME");
    }
    const auto lock = FetchLock::take(kernels() / ".lock", tell);
    if (!lock) {
        return tl::unexpected(lock.error());
    }
    if (const auto version = find(wanted)) { // fetched by the one we waited for
        return *version;
    }
    // What is unfinished now was left by somebody who was killed.
    std::vector<fs::path> leftovers;
    for (fs::directory_iterator it{kernels(), error}, end; !error && it != end;
         it.increment(error)) {
        if (it->path().filename().string().starts_with(unfinished)) {
            leftovers.push_back(it->path());
        }
    }
    for (const auto& leftover : leftovers) {
        fs::remove_all(leftover, error);
    }
    const ScratchFolder unpacked{kernels() / (std::string{unfinished} + "packages")};
    const ScratchFolder reduced{kernels() / (std::string{unfinished} + "kernel")};
    for (const auto* folder : {&unpacked, &reduced}) {
        fs::create_directories(folder->path(), error);
        if (error) {
            return failure("cannot create " + folder->path().string() + ": " + error.message());
        }
    }
    const auto fetched = source(wanted, unpacked.path(), tell);
    if (!fetched) {
        return tl::unexpected(fetched.error());
    }
    const auto kernel = find_kernel_files(unpacked.path());
    if (!kernel) {
        return failure(fetched->package + ": " + kernel.error().what);
    }
    if (auto done = reduce(*kernel, fetched->package + " " + fetched->version, reduced.path());
        !done) {
        return tl::unexpected(done.error());
    }
    const auto place = kernels() / fetched->version;
    fs::remove_all(place, error); // an incomplete one
    fs::rename(reduced.path(), place, error);
    if (error) {
        return failure("cannot create " + place.string() + ": " + error.message());
    }
    return fetched->version;
}

KernelPackageCache::Source debian_source(fs::path folder) {
    return [folder = std::move(folder)](
               std::string_view wanted, const fs::path& into,
               const KernelPackageCache::Tell& tell) -> Result<KernelPackageCache::Fetched> {
        auto archive = DebianArchive::open(folder);
        if (!archive) {
            return tl::unexpected(archive.error());
        }
        tell(fmt::format("looking for Linux {} in Debian's archive", wanted));
        const auto packages = archive->find(wanted);
        if (!packages) {
            return tl::unexpected(packages.error());
        }
        tell(fmt::format("fetching {} {} ({} MB)", packages->names.front(), packages->version,
                         (packages->download + 999'999) / 1'000'000));
        if (auto unpacked = archive->unpack(*packages, into); !unpacked) {
            return tl::unexpected(unpacked.error());
        }
        return KernelPackageCache::Fetched{packages->version, packages->names.front()};
    };
}

} // namespace vmrunit::runner
