// SPDX-License-Identifier: GPL-2.0-only
// Bringing in a Bochs of another Debian release.
#include "host_runner/targets/bochs_program.hpp"

#include "host_runner/debian/package_version.hpp"
#include "host_runner/process/capture.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fstream>
#include <sstream>

namespace vmrunit::runner {

namespace fs = std::filesystem;

namespace {

constexpr std::chrono::milliseconds list_limit{60'000};
constexpr const char* mark = "complete";
constexpr const char* other_way = "use the system's Bochs: apt install bochs bochs-term";
constexpr const char* library_folder = "usr/lib/x86_64-linux-gnu";
/// Debian 12 still has the C library's packages here.
constexpr const char* old_library_folder = "lib/x86_64-linux-gnu";
constexpr const char* loader_name = "ld-linux-x86-64.so.2";
/// Debian's suites, the newest Bochs first.
constexpr std::array suites{"trixie", "bookworm"};

Result<void> copy_one(const fs::path& from, const fs::path& to) {
    std::error_code error;
    fs::copy_file(from, to, fs::copy_options::skip_existing, error);
    if (error) {
        return failure("cannot copy " + from.string() + ": " + error.message());
    }
    return {};
}

fs::path loader_under(const fs::path& root) {
    std::error_code error;
    const auto old = root / old_library_folder / loader_name;
    return fs::exists(old, error) ? old : root / library_folder / loader_name;
}

/// Copies a program or plugin's libraries. False if one of them is not under `root`.
Result<bool> copy_libraries(const fs::path& root, const fs::path& file, const fs::path& into) {
    const std::array folders{(root / library_folder).string(),
                             (root / old_library_folder).string()};
    const auto listed =
        capture({loader_under(root).string(), "--library-path",
                 fmt::format("{}", fmt::join(folders, ":")), "--list", file.string()},
                list_limit);
    if (!listed) {
        return tl::unexpected(listed.error());
    }
    const auto needed = parse_loader_list(listed->output);
    const bool complete = std::ranges::all_of(needed, [&](const LinkedLibrary& one) {
        return std::ranges::any_of(folders, [&](const std::string& folder) {
            return one.file.string().starts_with(folder + "/");
        });
    });
    if (!complete || !listed->status.succeeded() || needed.empty()) {
        return false;
    }
    for (const auto& one : needed) {
        if (auto copied = copy_one(one.file, into / one.name); !copied) {
            return tl::unexpected(copied.error());
        }
    }
    return true;
}

/// Bochs' libraries: those of the archive's that are programs and data for a desktop it does not
/// need.
bool is_wanted(const ArchivePackage& package) {
    return package.section == "libs" || package.name.starts_with("bochs") ||
           package.name == "vgabios";
}

} // namespace

std::vector<LinkedLibrary> parse_loader_list(std::string_view text) {
    std::vector<LinkedLibrary> libraries;
    std::istringstream lines{std::string{text}};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words{line};
        std::string name;
        std::string arrow;
        std::string file;
        // The other lines are the loader itself and what the kernel maps.
        if (words >> name >> arrow >> file && arrow == "=>") {
            libraries.push_back({name, file.starts_with('/') ? fs::path{file} : fs::path{}});
        }
    }
    return libraries;
}

Result<void> reduce_bochs(const fs::path& root, const fs::path& into) {
    const auto program = root / "usr/bin/bochs-bin";
    std::error_code error;
    for (const auto* folder : {"lib", "plugins", "firmware"}) {
        fs::create_directories(into / folder, error);
    }
    const auto found = copy_libraries(root, program, into / "lib");
    if (!found) {
        return tl::unexpected(found.error());
    }
    if (!*found) {
        return failure("a library of " + program.string() + " is not among its packages");
    }
    const std::array files{
        std::pair{program, into / "bochs-bin"},
        std::pair{loader_under(root), into / "lib" / loader_name},
        std::pair{root / "usr/share/bochs/BIOS-bochs-latest", into / "firmware/bios"},
        std::pair{root / "usr/share/vgabios/vgabios.bin", into / "firmware/vgabios"}};
    for (const auto& [from, to] : files) {
        if (auto copied = copy_one(from, to); !copied) {
            return copied;
        }
    }
    // A plugin that cannot be loaded is one of a display or of sound, which nobody asks for.
    for (fs::directory_iterator it{root / library_folder / "bochs/plugins", error}, end;
         !error && it != end; it.increment(error)) {
        const auto& plugin = it->path();
        if (plugin.extension() != ".so") {
            continue;
        }
        const auto usable = copy_libraries(root, plugin, into / "lib");
        if (!usable) {
            return tl::unexpected(usable.error());
        }
        if (!*usable) {
            continue;
        }
        if (auto copied = copy_one(plugin, into / "plugins" / plugin.filename()); !copied) {
            return copied;
        }
    }
    if (!fs::exists(into / "plugins/libbx_term_gui.so", error)) {
        return failure("Bochs' packages hold no display for terminals");
    }
    std::ofstream complete{into / mark};
    if (!complete.flush()) {
        return failure("cannot write " + (into / mark).string());
    }
    return {};
}

BochsPackages::BochsPackages(const fs::path& cache)
    : lists_{cache / "apt"}, folder_{cache / "bochs", "Bochs", mark} {}

BochsProgram BochsPackages::program(const std::string& version) const {
    const auto folder = folder_.path() / version;
    return {{"env", "LTDL_LIBRARY_PATH=" + (folder / "plugins").string(),
             (folder / "lib" / loader_name).string(), "--library-path", (folder / "lib").string(),
             (folder / "bochs-bin").string()},
            folder / "firmware"};
}

Result<BochsProgram> BochsPackages::obtain(std::string_view wanted, const Tell& tell) const {
    if (const auto version = find(wanted)) {
        return program(*version);
    }
    const auto make = [&](const fs::path& unpacked, const fs::path& kept) {
        return fetch(wanted, unpacked, kept, tell);
    };
    const auto version = folder_.obtain(wanted, make, tell);
    if (!version) {
        return tl::unexpected(version.error());
    }
    return program(*version);
}

Result<void> BochsPackages::check_source() const {
    if (const auto archive = AptArchive::open(lists_, other_way); !archive) {
        return tl::unexpected(archive.error());
    }
    return {};
}

Result<std::string> BochsPackages::fetch(std::string_view wanted, const fs::path& unpacked,
                                         const fs::path& kept, const Tell& tell) const {
    auto archive = AptArchive::open(lists_, other_way);
    if (!archive) {
        return tl::unexpected(archive.error());
    }
    tell(fmt::format("looking for Bochs {} in Debian's archive", wanted));
    std::string offered;
    for (const auto* suite : suites) {
        if (const auto used = archive->use({archive->sites().main, suite}); !used) {
            return failure(std::string{"cannot ask the mirror for "} + suite + ": " +
                               used.error().what,
                           std::string{"check the network, or "} + other_way);
        }
        const auto bochs = archive->show({"bochs"});
        if (!bochs) {
            return tl::unexpected(bochs.error());
        }
        if (bochs->empty() || !version_covers(wanted, bochs->front().version)) {
            offered +=
                (offered.empty() ? "" : ", ") + (bochs->empty() ? "none" : bochs->front().version);
            continue;
        }
        auto packages = archive->with_dependencies({"bochs", "bochs-term"});
        if (!packages) {
            return tl::unexpected(packages.error());
        }
        std::erase_if(*packages, [](const ArchivePackage& one) { return !is_wanted(one); });
        std::uint64_t size = 0;
        for (const auto& one : *packages) {
            size += one.size;
        }
        tell(fmt::format("fetching Bochs {} and its libraries ({} MB)", bochs->front().version,
                         (size + 999'999) / 1'000'000));
        if (auto done = archive->unpack(*packages, unpacked); !done) {
            return tl::unexpected(done.error());
        }
        if (auto done = reduce_bochs(unpacked, kept); !done) {
            return tl::unexpected(done.error());
        }
        return bochs->front().version;
    }
    return failure("Debian has no Bochs " + std::string{wanted}, "there are " + offered);
}

} // namespace vmrunit::runner
