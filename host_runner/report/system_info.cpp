// SPDX-License-Identifier: GPL-2.0-only
// See system_info.hpp.
#include "host_runner/report/system_info.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <fstream>
#include <optional>
#include <string_view>

namespace vmrunit::runner {
namespace {

using Path = std::filesystem::path;

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n\"";
    const auto first = text.find_first_not_of(blanks);
    return first == std::string_view::npos
               ? std::string_view{}
               : text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::optional<std::string> first_line(const Path& path) {
    std::ifstream file{path};
    std::string line;
    if (!std::getline(file, line)) {
        return std::nullopt;
    }
    return std::string{trimmed(line)};
}

void add_os_name(SystemFacts& facts, const Path& root) {
    std::ifstream file{root / "etc/os-release"};
    constexpr std::string_view key = "PRETTY_NAME=";
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with(key)) {
            facts.emplace_back("os", trimmed(std::string_view{line}.substr(key.size())));
            return;
        }
    }
}

void add_cpu(SystemFacts& facts, const Path& root) {
    struct Wanted {
        std::string_view key;
        std::string_view fact;
    };
    // clang-format off
    constexpr std::array wanted{
        Wanted{"vendor_id",  "cpu.vendor"},
        Wanted{"cpu family", "cpu.family"},
        Wanted{"model",      "cpu.model"},
        Wanted{"model name", "cpu.model_name"},
        Wanted{"stepping",   "cpu.stepping"},
        Wanted{"microcode",  "cpu.microcode"},
    };
    // clang-format on
    std::ifstream file{root / "proc/cpuinfo"};
    unsigned processors = 0;
    for (std::string line; std::getline(file, line);) {
        const std::string_view text{line};
        const auto colon = text.find(':');
        if (colon == std::string_view::npos) {
            continue;
        }
        const std::string_view key = trimmed(text.substr(0, colon));
        const std::string_view value = trimmed(text.substr(colon + 1));
        processors += key == "processor" ? 1 : 0;
        if (processors != 1) {
            continue; // All are alike, as far as the subject is concerned.
        }
        if (const auto* found = std::ranges::find(wanted, key, &Wanted::key);
            found != wanted.end()) {
            facts.emplace_back(found->fact, value);
        } else if (key == "flags") {
            const std::string flags = fmt::format(" {} ", value);
            const auto has = [&](const char* flag) {
                return flags.find(flag) != std::string_view::npos;
            };
            facts.emplace_back("cpu.svm", has(" svm ") ? "yes" : "no");
            facts.emplace_back("cpu.under_hypervisor", has(" hypervisor ") ? "yes" : "no");
        }
    }
    facts.emplace_back("cpu.count", std::to_string(processors));
}

void add_module_parameters(SystemFacts& facts, const Path& root, const std::string& module) {
    const Path folder = root / "sys/module" / module / "parameters";
    SystemFacts found;
    std::error_code absent;
    for (std::filesystem::directory_iterator entry{folder, absent}, end; entry != end;
         entry.increment(absent)) {
        // A parameter that only root may read is left out for everybody else.
        if (const auto value = first_line(entry->path())) {
            found.emplace_back(module + "." + entry->path().filename().string(), *value);
        }
    }
    std::ranges::sort(found);
    facts.insert(facts.end(), found.begin(), found.end());
}

} // namespace

SystemFacts read_system_facts(const Path& root) {
    SystemFacts facts;
    add_os_name(facts, root);
    if (const auto release = first_line(root / "proc/sys/kernel/osrelease")) {
        facts.emplace_back("kernel.release", *release);
    }
    if (const auto version = first_line(root / "proc/sys/kernel/version")) {
        facts.emplace_back("kernel.version", *version);
    }
    add_cpu(facts, root);
    add_module_parameters(facts, root, "kvm_amd");
    add_module_parameters(facts, root, "kvm");
    return facts;
}

} // namespace vmrunit::runner
