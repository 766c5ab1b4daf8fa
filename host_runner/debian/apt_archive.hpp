// SPDX-License-Identifier: GPL-2.0-only
// Packages of Debian's archive, by apt: with a sources list, lists and a cache of our own, so that
// nothing of the system changes and no root is needed. The mirror is the machine's own.
#pragma once

#include "host_runner/error.hpp"

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vmrunit::runner {

/// A place packages come from: a mirror and one of its suites.
struct ArchiveSuite {
    std::string site;
    std::string suite;
};

/// The mirror of this machine, from what `apt-get indextargets` prints with the format
/// "$(SITE) $(RELEASE) $(COMPONENT) $(ORIGIN)", a line each.
struct MirrorSites {
    std::string main;     ///< Of Debian's archive; empty if the machine has none.
    std::string security; ///< Of its security updates; may be empty.
};
[[nodiscard]] MirrorSites find_mirror_sites(std::string_view index_targets);

/// What a package record says of itself.
struct ArchivePackage {
    std::string name;
    std::string version;
    std::string section;
    std::set<std::string> depends; ///< Every word of it, versions and bars among them.
    std::uint64_t size = 0;        ///< Of the file, in bytes.
};
/// From what `apt-cache show` prints.
[[nodiscard]] std::vector<ArchivePackage> parse_packages(std::string_view records);
/// The names that `apt-get -s install` would install, from what it prints.
[[nodiscard]] std::vector<std::string> parse_installations(std::string_view simulation);

class AptArchive {
public:
    /// Lists are kept in `folder`. `other_way` is said to people where apt is of no use: how to do
    /// without. No network yet.
    [[nodiscard]] static Result<AptArchive> open(std::filesystem::path folder,
                                                 std::string other_way);

    [[nodiscard]] const MirrorSites& sites() const { return sites_; }
    [[nodiscard]] const std::string& other_way() const { return other_way_; }
    /// Asks the mirror what a suite has; further questions are about that suite.
    [[nodiscard]] Result<void> use(const ArchiveSuite& suite);
    /// Records of the packages whose name matches a regular expression, newest version each.
    [[nodiscard]] Result<std::vector<ArchivePackage>> search(const std::string& names) const;
    /// Records of packages by name; an error if one does not exist.
    [[nodiscard]] Result<std::vector<ArchivePackage>> show(std::vector<std::string> names) const;
    /// These packages and all they depend on, on a machine that has nothing.
    [[nodiscard]] Result<std::vector<ArchivePackage>>
    with_dependencies(std::vector<std::string> names) const;
    /// Fetches packages and unpacks them into a folder.
    [[nodiscard]] Result<void> unpack(const std::vector<ArchivePackage>& packages,
                                      const std::filesystem::path& into) const;

private:
    AptArchive(std::filesystem::path folder, MirrorSites sites, std::string other_way)
        : folder_{std::move(folder)}, sites_{std::move(sites)}, other_way_{std::move(other_way)} {}

    [[nodiscard]] Result<std::string> apt(const std::string& program,
                                          std::vector<std::string> arguments,
                                          const std::filesystem::path& where) const;

    std::filesystem::path folder_;
    MirrorSites sites_;
    std::string other_way_;
    std::string suite_; ///< The one in use.
};

} // namespace vmrunit::runner
