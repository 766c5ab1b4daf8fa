// SPDX-License-Identifier: GPL-2.0-only
// A Bochs and how to start it: the system's, or one of another Debian release in a folder of its
// own, where nothing of the system's is used: its own loader, libraries, plugins and firmware.
#pragma once

#include "host_runner/debian/apt_archive.hpp"
#include "host_runner/debian/package_folder.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::runner {

struct BochsProgram {
    /// What comes before Bochs' own arguments.
    std::vector<std::string> command{"bochs-bin"};
    /// Holds `bios` and `vgabios`; empty: Bochs knows where they are.
    std::filesystem::path firmware;
};

/// The libraries that a loader's `--list` names, each with the file it found; empty if it found
/// none.
struct LinkedLibrary {
    std::string name;
    std::filesystem::path file;
};
[[nodiscard]] std::vector<LinkedLibrary> parse_loader_list(std::string_view text);

/// Debian's packages of Bochs, reduced to what runs: $XDG_CACHE_HOME/vmrunit/bochs/VERSION.
class BochsPackages {
public:
    /// `cache` is the whole cache, in which Bochs has a folder.
    explicit BochsPackages(const std::filesystem::path& cache);

    /// The newest version there is that `wanted` ("3.0") covers.
    [[nodiscard]] std::optional<std::string> find(std::string_view wanted) const {
        return folder_.find(wanted);
    }
    [[nodiscard]] BochsProgram program(const std::string& version) const;
    /// Fetches it if it is not there, from Debian's archive by the machine's own mirror.
    [[nodiscard]] Result<BochsProgram> obtain(std::string_view wanted, const Tell& tell) const;
    /// An error says why it could not be fetched here. No network.
    [[nodiscard]] Result<void> check_source() const;

private:
    [[nodiscard]] Result<std::string> fetch(std::string_view wanted,
                                            const std::filesystem::path& unpacked,
                                            const std::filesystem::path& kept,
                                            const Tell& tell) const;

    std::filesystem::path lists_;
    PackageFolder folder_;
};

/// Copies from an unpacked root what Bochs needs. An error if something it needs is not there.
[[nodiscard]] Result<void> reduce_bochs(const std::filesystem::path& root,
                                        const std::filesystem::path& into);

} // namespace vmrunit::runner
