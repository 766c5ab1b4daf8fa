// SPDX-License-Identifier: GPL-2.0-only
// Which packages a kernel is.
#include "host_runner/lab/debian_archive.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <iterator>

namespace vmrunit::runner {

namespace fs = std::filesystem;

namespace {

constexpr const char* other_way = "name a kernel of your own by --kernel PATH";

/// The flavour without drivers for real machines: a third of the size.
constexpr std::string_view flavour = "-cloud-amd64";

/// Debian's suites that have kernels, and from which version on up to which, oldest first.
struct KernelSuite {
    std::string_view name;
    bool is_security;
    std::string_view first;
    std::string_view last;
};
// clang-format off
constexpr std::array kernel_suites{
    KernelSuite{"bookworm-security",  true,  "6.1",  "6.1"},
    KernelSuite{"bookworm",           false, "6.1",  "6.1"},
    KernelSuite{"bookworm-backports", false, "6.12", "6.12"},
    KernelSuite{"trixie-security",    true,  "6.12", "6.12"},
    KernelSuite{"trixie",             false, "6.12", "6.12"},
    KernelSuite{"trixie-backports",   false, "6.13", "7.99"},
};
// clang-format on

bool holds_kernel_image(std::string_view name) {
    constexpr std::string_view front = "linux-image-";
    return name.starts_with(front) && name.ends_with(flavour) &&
           name.size() > front.size() + flavour.size() && name[front.size()] >= '0' &&
           name[front.size()] <= '9';
}

/// Since 6.18 image and modules are packages that the one of the old name depends on.
bool holds_part(std::string_view name) {
    return name.starts_with("linux-binary-") || name.starts_with("linux-modules-");
}

/// An archive may have an image whose modules are gone from it.
bool is_complete(const ArchivePackage& image, const std::vector<ArchivePackage>& packages) {
    return std::ranges::all_of(image.depends, [&](const std::string& name) {
        return !holds_part(name) || std::ranges::any_of(packages, [&](const ArchivePackage& part) {
            return part.name == name && part.version == image.version;
        });
    });
}

} // namespace

std::vector<ArchiveSuite> suites_for(std::string_view version, const MirrorSites& sites) {
    std::vector<ArchiveSuite> suites;
    // Those that should have it, then the others: a list in a program does not stay right.
    for (const bool likely : {true, false}) {
        for (const auto& suite : kernel_suites) {
            const bool in_range =
                version_covers(suite.first, version) || version_covers(suite.last, version) ||
                (version_is_older(suite.first, version) && version_is_older(version, suite.last));
            const auto& site = suite.is_security ? sites.security : sites.main;
            if (in_range == likely && !site.empty()) {
                suites.push_back({site, std::string{suite.name}});
            }
        }
    }
    return suites;
}

std::uint64_t KernelPackages::download() const {
    std::uint64_t size = 0;
    for (const auto& package : packages) {
        size += package.size;
    }
    return size;
}

std::vector<std::string> kernel_versions(const std::vector<ArchivePackage>& packages) {
    std::vector<std::string> versions;
    for (const auto& package : packages) {
        if (holds_kernel_image(package.name) && is_complete(package, packages)) {
            versions.push_back(package.version.substr(0, package.version.find('-')));
        }
    }
    std::ranges::sort(versions, version_is_older);
    versions.erase(std::unique(versions.begin(), versions.end()), versions.end());
    return versions;
}

std::optional<KernelPackages> choose_kernel(const std::vector<ArchivePackage>& packages,
                                            std::string_view wanted) {
    const ArchivePackage* best = nullptr;
    for (const auto& package : packages) {
        if (holds_kernel_image(package.name) && version_covers(wanted, package.version) &&
            is_complete(package, packages) &&
            (best == nullptr || version_is_older(best->version, package.version))) {
            best = &package;
        }
    }
    if (best == nullptr) {
        return std::nullopt;
    }
    KernelPackages kernel{best->version, {*best}};
    for (const auto& package : packages) {
        if (holds_part(package.name) && package.version == best->version &&
            best->depends.contains(package.name)) {
            kernel.packages.push_back(package);
        }
    }
    return kernel;
}

Result<DebianArchive> DebianArchive::open(fs::path folder) {
    auto archive = AptArchive::open(std::move(folder), other_way);
    if (!archive) {
        return tl::unexpected(archive.error());
    }
    return DebianArchive{std::move(*archive)};
}

Result<std::vector<ArchivePackage>> DebianArchive::packages_of(const ArchiveSuite& suite) {
    if (const auto used = archive_.use(suite); !used) {
        return failure("cannot ask the mirror for " + suite.suite + ": " + used.error().what,
                       std::string{"check the network, or "} + other_way);
    }
    return archive_.search("^linux-(image|binary|modules)-[0-9].*" + std::string{flavour} + "$");
}

Result<KernelPackages> DebianArchive::find(std::string_view wanted) {
    std::vector<ArchivePackage> seen;
    std::optional<Error> trouble;
    for (const auto& suite : suites_for(wanted, archive_.sites())) {
        auto packages = packages_of(suite);
        if (!packages) {
            trouble = packages.error();
            continue;
        }
        if (auto found = choose_kernel(*packages, wanted)) {
            return std::move(*found);
        }
        std::ranges::move(*packages, std::back_inserter(seen));
    }
    const std::vector<std::string> offered = kernel_versions(seen);
    if (offered.empty() && trouble) {
        return tl::unexpected(*trouble);
    }
    return misuse(
        fmt::format("Debian has no kernel {}", wanted),
        fmt::format("there are {}; or {}",
                    offered.empty() ? "none" : fmt::format("{}", fmt::join(offered, ", ")),
                    other_way));
}

Result<std::vector<std::string>> DebianArchive::versions() {
    std::vector<ArchivePackage> all;
    for (const auto& suite : suites_for("", archive_.sites())) {
        auto packages = packages_of(suite);
        if (!packages) {
            return tl::unexpected(packages.error()); // Without it there would be a hidden gap.
        }
        std::ranges::move(*packages, std::back_inserter(all));
    }
    return kernel_versions(all);
}

} // namespace vmrunit::runner
