// SPDX-License-Identifier: GPL-2.0-only
// Asking apt.
#include "host_runner/debian/apt_archive.hpp"

#include "host_runner/process/capture.hpp"
#include "host_runner/process/find_program.hpp"
#include "host_runner/process/text_tail.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <sstream>

namespace vmrunit::runner {

namespace fs = std::filesystem;

namespace {

using namespace std::chrono_literals;

constexpr auto question_limit = 300s; // on a machine with much else to do
constexpr auto update_limit = 300s;
constexpr auto download_limit = 1200s;
constexpr std::size_t most_output = std::size_t{64} << 20;
constexpr const char* keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// What apt complains about, without its warnings.
std::string error_line(const Captured& captured) {
    std::istringstream lines{captured.errors};
    std::string found;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("E: ") && found.empty()) {
            found = printable(line.substr(3));
        }
    }
    if (found.empty()) {
        TextTail tail{captured.errors.size()};
        tail.append(captured.errors);
        found = tail.last_line();
    }
    return found.empty() ? describe(captured.status) : found;
}

} // namespace

MirrorSites find_mirror_sites(std::string_view index_targets) {
    MirrorSites sites;
    std::istringstream lines{std::string{index_targets}};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words{line};
        std::string site, release, component, origin;
        words >> site >> release >> component >> origin;
        // The origin is known only if the lists were fetched. Others have suites of other names.
        const auto series = release.substr(0, release.find_first_of("-/"));
        constexpr std::array<std::string_view, 10> known{
            "bullseye", "bookworm",  "trixie", "forky",   "duke",
            "sid",      "oldstable", "stable", "testing", "unstable"};
        const bool is_debian = std::ranges::find(known, series) != known.end() &&
                               component == "main" && (origin.empty() || origin == "Debian");
        if (!is_debian) {
            continue;
        }
        auto& place = release.ends_with("-security") ? sites.security : sites.main;
        if (place.empty()) {
            place = site;
        }
    }
    return sites;
}

std::vector<ArchivePackage> parse_packages(std::string_view text) {
    std::vector<ArchivePackage> records;
    std::istringstream lines{std::string{text}};
    for (std::string line; std::getline(lines, line);) {
        const auto colon = line.find(": ");
        if (line.empty() || line.front() == ' ' || colon == std::string::npos) {
            continue;
        }
        const auto key = line.substr(0, colon);
        const auto value = line.substr(colon + 2);
        if (key == "Package") {
            records.emplace_back().name = value;
        } else if (records.empty()) {
            continue;
        } else if (key == "Version") {
            records.back().version = value;
        } else if (key == "Section") {
            records.back().section = value;
        } else if (key == "Size") {
            std::from_chars(value.data(), value.data() + value.size(), records.back().size);
        } else if (key == "Depends") {
            std::istringstream parts{value};
            for (std::string part; parts >> part;) { // versions and bars among them do no harm
                std::erase(part, ',');
                records.back().depends.insert(part);
            }
        }
    }
    return records;
}

std::vector<std::string> parse_installations(std::string_view simulation) {
    std::vector<std::string> names;
    std::istringstream lines{std::string{simulation}};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words{line};
        std::string verb;
        std::string name;
        if (words >> verb >> name && verb == "Inst") {
            names.push_back(name);
        }
    }
    return names;
}

Result<AptArchive> AptArchive::open(fs::path folder, std::string other_way) {
    for (const auto* program : {"apt-get", "apt-cache", "dpkg"}) {
        if (!find_program(program)) {
            return failure(std::string{program} + " not found: packages of Debian come by it",
                           other_way);
        }
    }
    std::error_code error;
    if (!fs::exists(keyring, error)) {
        return failure(std::string{keyring} + " is missing, and packages cannot be trusted",
                       "apt install debian-archive-keyring");
    }
    const auto targets =
        capture({"apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT) $(ORIGIN)",
                 "Identifier: Packages"},
                question_limit);
    if (!targets) {
        return tl::unexpected(targets.error());
    }
    auto sites = find_mirror_sites(targets->output);
    if (sites.main.empty()) {
        return failure("this machine's apt knows no mirror of Debian",
                       "add one to /etc/apt/sources.list.d, or " + other_way);
    }
    return AptArchive{std::move(folder), std::move(sites), std::move(other_way)};
}

Result<std::string> AptArchive::apt(const std::string& program, std::vector<std::string> arguments,
                                    const fs::path& where) const {
    const auto lists = folder_ / suite_;
    std::vector<std::string> line{"env", "-C", where.string(), "LC_ALL=C", program};
    const auto option = [&line](const std::string& setting) {
        line.insert(line.end(), {"-o", setting});
    };
    option("Dir::Etc::sourcelist=" + (lists / "sources.list").string());
    option("Dir::Etc::sourceparts=-");
    option("Dir::State::Lists=" + (lists / "lists").string());
    option("Dir::State::status=" + (lists / "nothing_installed").string());
    option("Dir::Cache=" + (lists / "cache").string());
    option("APT::Update::Error-Mode=any");
    option("APT::Sandbox::User=root"); // the folder is the user's; nothing runs with more rights
    option("Acquire::Retries=2");
    option("Acquire::Languages=none");
    option("quiet=2");
    line.insert(line.end(), arguments.begin(), arguments.end());
    const auto limit = arguments.front() == "download" ? download_limit
                       : arguments.front() == "update" ? update_limit
                                                       : question_limit;
    const auto result = capture(line, limit, most_output);
    if (!result) {
        return tl::unexpected(result.error());
    }
    if (!result->status.succeeded()) {
        return failure(error_line(*result));
    }
    return result->output;
}

Result<void> AptArchive::use(const ArchiveSuite& suite) {
    suite_ = suite.suite;
    const auto folder = folder_ / suite_;
    std::error_code error;
    fs::create_directories(folder / "lists" / "partial", error);
    fs::create_directories(folder / "cache", error);
    std::ofstream list{folder / "sources.list"};
    list << "deb [signed-by=" << keyring << " arch=amd64] " << suite.site << ' ' << suite.suite
         << " main\n";
    std::ofstream status{folder / "nothing_installed"};
    if (!list.flush() || !status.flush()) {
        return failure("cannot write " + (folder / "sources.list").string());
    }
    if (const auto updated = apt("apt-get", {"update"}, folder); !updated) {
        return tl::unexpected(updated.error());
    }
    return {};
}

Result<std::vector<ArchivePackage>> AptArchive::show(std::vector<std::string> names) const {
    if (names.empty()) {
        return std::vector<ArchivePackage>{};
    }
    names.insert(names.begin(), {"show", "--no-all-versions"});
    const auto records = apt("apt-cache", std::move(names), folder_);
    if (!records) {
        return tl::unexpected(records.error());
    }
    return parse_packages(*records);
}

Result<std::vector<ArchivePackage>> AptArchive::search(const std::string& names) const {
    const auto found = apt("apt-cache", {"search", "--names-only", names}, folder_);
    if (!found) {
        return tl::unexpected(found.error());
    }
    std::vector<std::string> all;
    std::istringstream lines{*found};
    for (std::string line; std::getline(lines, line);) {
        all.push_back(line.substr(0, line.find(' ')));
    }
    return show(std::move(all));
}

Result<std::vector<ArchivePackage>>
AptArchive::with_dependencies(std::vector<std::string> names) const {
    names.insert(names.begin(), {"--simulate", "--no-install-recommends", "install"});
    const auto simulation = apt("apt-get", std::move(names), folder_);
    if (!simulation) {
        return tl::unexpected(simulation.error());
    }
    return show(parse_installations(*simulation));
}

Result<void> AptArchive::unpack(const std::vector<ArchivePackage>& packages,
                                const fs::path& into) const {
    const auto downloads = into / "packages";
    std::error_code error;
    fs::create_directories(downloads, error);
    if (error) {
        return failure("cannot create " + downloads.string() + ": " + error.message());
    }
    std::vector<std::string> request{"download"};
    for (const auto& package : packages) {
        request.push_back(package.name + "=" + package.version);
    }
    if (const auto fetched = apt("apt-get", std::move(request), downloads); !fetched) {
        return failure("cannot fetch " + packages.front().name + ": " + fetched.error().what,
                       "check the network and try again, or " + other_way_);
    }
    std::size_t unpacked = 0;
    for (fs::directory_iterator it{downloads, error}, end; !error && it != end;
         it.increment(error)) {
        const auto result =
            capture({"dpkg", "-x", it->path().string(), into.string()}, download_limit);
        if (!result || !result->status.succeeded()) {
            return failure("cannot unpack " + it->path().filename().string() + ": " +
                           (result ? error_line(*result) : result.error().what));
        }
        ++unpacked;
    }
    if (unpacked != packages.size()) {
        return failure("of " + std::to_string(packages.size()) + " packages " +
                       std::to_string(unpacked) + " were fetched");
    }
    fs::remove_all(downloads, error);
    return {};
}

} // namespace vmrunit::runner
