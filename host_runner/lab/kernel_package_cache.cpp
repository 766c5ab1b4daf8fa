// SPDX-License-Identifier: GPL-2.0-only
// Keeping kernels. A file of checksums in each folder tells whether it still is what it was.
#include "host_runner/lab/kernel_package_cache.hpp"

#include "harness/wire/crc32.hpp"
#include "host_runner/lab/debian_archive.hpp"
#include "host_runner/lab/kernel_image.hpp"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <fstream>
#include <map>
#include <vector>

namespace vmrunit::runner {

namespace fs = std::filesystem;

namespace {

constexpr const char* image_name = "vmlinuz";
constexpr const char* check_name = "checksums";
constexpr const char* origin_name = "origin";

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

} // namespace

KernelPackageCache::KernelPackageCache(const fs::path& folder)
    : kernels_{folder / "kernels", "kernel", check_name} {}

Result<KernelFiles> KernelPackageCache::load(const std::string& version) const {
    const auto folder = kernels_.path() / version;
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
    const auto make = [&](const fs::path& unpacked, const fs::path& kept) -> Result<std::string> {
        const auto fetched = source(wanted, unpacked, tell);
        if (!fetched) {
            return tl::unexpected(fetched.error());
        }
        const auto kernel = find_kernel_files(unpacked);
        if (!kernel) {
            return failure(fetched->package + ": " + kernel.error().what);
        }
        if (auto done = reduce(*kernel, fetched->package + " " + fetched->version, kept); !done) {
            return tl::unexpected(done.error());
        }
        return fetched->version;
    };
    const auto version = kernels_.obtain(wanted, make, tell);
    if (!version) {
        return tl::unexpected(version.error());
    }
    return load(*version);
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
        tell(fmt::format("fetching {} {} ({} MB)", packages->packages.front().name,
                         packages->version, (packages->download() + 999'999) / 1'000'000));
        if (auto unpacked = archive->unpack(*packages, into); !unpacked) {
            return tl::unexpected(unpacked.error());
        }
        return KernelPackageCache::Fetched{packages->version, packages->packages.front().name};
    };
}

} // namespace vmrunit::runner
