// SPDX-License-Identifier: GPL-2.0-only
// Asking apt for kernels.
#include "host_runner/lab/debian_archive.hpp"

#include "host_runner/process/capture.hpp"
#include "host_runner/process/find_program.hpp"
#include "host_runner/process/text_tail.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace vmrunit::runner {

namespace fs = std::filesystem;

namespace {

using namespace std::chrono_literals;

constexpr auto question_limit = 60s;
constexpr auto update_limit = 300s;
constexpr auto download_limit = 1200s;
constexpr std::size_t most_output = std::size_t{64} << 20;
constexpr const char* keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
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

std::uint64_t number_in(std::string_view text) {
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

/// The fields of one package record that matter.
struct PackageRecord {
    std::string name;
    std::string version;
    std::set<std::string> depends;
    std::uint64_t size = 0;
};

std::vector<PackageRecord> parse_records(std::string_view text) {
    std::vector<PackageRecord> records;
    std::istringstream lines{std::string{text}};
    for (std::string line; std::getline(lines, line);) {
        const auto colon = line.find(": ");
        if (line.empty() || line.front() == ' ' || colon == std::string::npos) {
            continue;
        }
        const auto key = line.substr(0, colon);
        const auto value = line.substr(colon + 2);
        if (key == "Package") {
            records.push_back({.name = value, .version = {}, .depends = {}});
        } else if (records.empty()) {
            continue;
        } else if (key == "Version") {
            records.back().version = value;
        } else if (key == "Size") {
            records.back().size = number_in(value);
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

bool holds_kernel_image(std::string_view name) {
    constexpr std::string_view front = "linux-image-";
    return name.starts_with(front) && name.ends_with(flavour) &&
           name.size() > front.size() + flavour.size() && name[front.size()] >= '0' &&
           name[front.size()] <= '9';
}

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

bool version_covers(std::string_view wanted, std::string_view version) {
    if (wanted.empty() || !version.starts_with(wanted)) {
        return false;
    }
    const auto rest = version.substr(wanted.size());
    return rest.empty() || rest.front() < '0' || rest.front() > '9';
}

bool version_is_older(std::string_view one, std::string_view other) {
    const auto is_digit = [](char character) { return character >= '0' && character <= '9'; };
    while (!one.empty() && !other.empty()) {
        if (is_digit(one.front()) && is_digit(other.front())) {
            const auto mine = number_in(one);
            const auto theirs = number_in(other);
            if (mine != theirs) {
                return mine < theirs;
            }
            one.remove_prefix(std::min(one.find_first_not_of("0123456789"), one.size()));
            other.remove_prefix(std::min(other.find_first_not_of("0123456789"), other.size()));
        } else if (one.front() != other.front()) {
            // A tilde comes before everything, the end too (deb-version(7)).
            return one.front() == '~' || (other.front() != '~' && one.front() < other.front());
        } else {
            one.remove_prefix(1);
            other.remove_prefix(1);
        }
    }
    return one.empty() ? !other.empty() && other.front() != '~' : one.front() == '~';
}

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

std::optional<KernelPackages> choose_kernel(std::string_view package_records,
                                            std::string_view wanted,
                                            std::vector<std::string>* offered) {
    const auto records = parse_records(package_records);
    const PackageRecord* best = nullptr;
    for (const auto& record : records) {
        if (!holds_kernel_image(record.name)) {
            continue;
        }
        if (offered != nullptr) {
            offered->push_back(record.version.substr(0, record.version.find('-')));
        }
        if (version_covers(wanted, record.version) &&
            (best == nullptr || version_is_older(best->version, record.version))) {
            best = &record;
        }
    }
    if (best == nullptr) {
        return std::nullopt;
    }
    // Since 6.18 image and modules are packages that the one of the old name depends on.
    KernelPackages packages{best->version, {best->name}, best->size};
    for (const auto& record : records) {
        const bool is_part =
            record.name.starts_with("linux-binary-") || record.name.starts_with("linux-modules-");
        if (is_part && record.version == best->version && best->depends.contains(record.name)) {
            packages.names.push_back(record.name);
            packages.download += record.size;
        }
    }
    return packages;
}

Result<DebianArchive> DebianArchive::open(fs::path folder) {
    for (const auto* program : {"apt-get", "apt-cache", "dpkg"}) {
        if (!find_program(program)) {
            return failure(std::string{program} + " not found: kernels of Debian come by it",
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
                       std::string{"add one to /etc/apt/sources.list.d, or "} + other_way);
    }
    return DebianArchive{std::move(folder), std::move(sites)};
}

Result<std::string> DebianArchive::apt(const std::string& program,
                                       std::vector<std::string> arguments,
                                       const fs::path& where) const {
    const auto lists = folder_ / suite_;
    std::vector<std::string> line{"env", "-C", where.string(), "LC_ALL=C", program};
    const auto option = [&line](const std::string& setting) {
        line.insert(line.end(), {"-o", setting});
    };
    option("Dir::Etc::sourcelist=" + (lists / "sources.list").string());
    option("Dir::Etc::sourceparts=-");
    option("Dir::State::Lists=" + (lists / "lists").string());
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

Result<void> DebianArchive::use(const ArchiveSuite& suite) {
    suite_ = suite.suite;
    const auto folder = folder_ / suite_;
    std::error_code error;
    fs::create_directories(folder / "lists" / "partial", error);
    fs::create_directories(folder / "cache", error);
    std::ofstream list{folder / "sources.list"};
    list << "deb [signed-by=" << keyring << " arch=amd64] " << suite.site << ' ' << suite.suite
         << " main\n";
    if (!list.flush()) {
        return failure("cannot write " + (folder / "sources.list").string());
    }
    if (const auto updated = apt("apt-get", {"update"}, folder); !updated) {
        return tl::unexpected(updated.error());
    }
    return {};
}

Result<KernelPackages> DebianArchive::find(std::string_view wanted) {
    std::vector<std::string> offered;
    std::string trouble;
    for (const auto& suite : suites_for(wanted, sites_)) {
        if (const auto used = use(suite); !used) {
            trouble = "cannot ask the mirror for " + suite.suite + ": " + used.error().what;
            continue;
        }
        const auto names =
            apt("apt-cache",
                {"search", "--names-only",
                 "^linux-(image|binary|modules)-[0-9].*" + std::string{flavour} + "$"},
                folder_);
        if (!names) {
            return tl::unexpected(names.error());
        }
        std::vector<std::string> question{"show", "--no-all-versions"};
        std::istringstream lines{*names};
        for (std::string line; std::getline(lines, line);) {
            question.push_back(line.substr(0, line.find(' ')));
        }
        if (question.size() == 2) {
            continue;
        }
        const auto records = apt("apt-cache", std::move(question), folder_);
        if (!records) {
            return tl::unexpected(records.error());
        }
        if (auto found = choose_kernel(*records, wanted, &offered)) {
            return std::move(*found);
        }
    }
    std::ranges::sort(offered, version_is_older);
    offered.erase(std::ranges::unique(offered).begin(), offered.end());
    std::string list;
    for (const auto& version : offered) {
        list += (list.empty() ? "" : ", ") + version;
    }
    if (offered.empty() && !trouble.empty()) {
        return failure(trouble, std::string{"check the network, or "} + other_way);
    }
    return failure("Debian has no kernel " + std::string{wanted},
                   "there are " + (list.empty() ? "none" : list) + "; or " + other_way);
}

Result<void> DebianArchive::unpack(const KernelPackages& packages, const fs::path& into) const {
    const auto downloads = into / "packages";
    std::error_code error;
    fs::create_directories(downloads, error);
    if (error) {
        return failure("cannot create " + downloads.string() + ": " + error.message());
    }
    std::vector<std::string> request{"download"};
    for (const auto& name : packages.names) {
        request.push_back(name + "=" + packages.version);
    }
    if (const auto fetched = apt("apt-get", std::move(request), downloads); !fetched) {
        return failure("cannot fetch " + packages.names.front() + ": " + fetched.error().what,
                       std::string{"check the network and try again, or "} + other_way);
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
    if (unpacked != packages.names.size()) {
        return failure("of " + std::to_string(packages.names.size()) + " packages " +
                       std::to_string(unpacked) + " were fetched");
    }
    fs::remove_all(downloads, error);
    return {};
}

} // namespace vmrunit::runner
