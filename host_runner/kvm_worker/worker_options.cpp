// SPDX-License-Identifier: GPL-2.0-only
// Reading the command line. By hand: the worker is to stay small, and nobody types it.
#include "host_runner/kvm_worker/worker_options.hpp"

#include "host_runner/kvm_worker/window.hpp"

#include <charconv>
#include <optional>
#include <string_view>

namespace vmrunit::worker {

using runner::failure;

namespace {

runner::Result<unsigned> number(std::string_view option, std::string_view text, unsigned least,
                                unsigned most) {
    unsigned value = 0;
    const auto* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stop != end || value < least || value > most) {
        return failure(std::string{option} + " takes a number from " + std::to_string(least) +
                       " to " + std::to_string(most) + ", not '" + std::string{text} + "'");
    }
    return value;
}

constexpr unsigned most_memory = 2048; // MiB; below the addresses of the interrupt controllers
constexpr unsigned most_milliseconds = 24u * 3600 * 1000;

/// Options that take a value. An error, or nothing.
std::optional<runner::Error> set(WorkerOptions& options, std::string_view name,
                                 const std::string& value) {
    const auto take = [&](unsigned least, unsigned most, auto&& into) {
        const auto result = number(name, value, least, most);
        if (result) {
            into(*result);
        }
        return result ? std::nullopt : std::optional{result.error()};
    };
    if (name == "--image") {
        options.image = value;
    } else if (name == "--plan") {
        options.plan = value;
    } else if (name == "--requests") {
        options.requests = value;
    } else if (name == "--output") {
        options.output = value;
    } else if (name == "--status") {
        options.status = value;
    } else if (name == "--ring") {
        const auto place = read_range(value);
        if (!place) {
            return runner::Error{"--ring takes ADDRESS+SIZE, not '" + value + "'", {}};
        }
        options.ring = RingPlace{place->offset, place->size};
    } else if (name == "--ring-window") {
        options.ring_window = value;
    } else if (name == "--memory") {
        return take(4, most_memory, [&](unsigned it) { options.memory_mebibytes = it; });
    } else if (name == "--cpus") {
        return take(1, max_cpus, [&](unsigned it) { options.vm.cpus = it; });
    } else if (name == "--case-limit") {
        return take(0, most_milliseconds,
                    [&](unsigned it) { options.limits.record = std::chrono::milliseconds{it}; });
    } else if (name == "--boot-limit") {
        return take(0, most_milliseconds,
                    [&](unsigned it) { options.limits.boot = std::chrono::milliseconds{it}; });
    } else if (name == "--hide-feature") {
        const auto* const info = svm::feature_by_name(value);
        if (info == nullptr) {
            return runner::Error{"unknown CPU feature '" + value + "'",
                                 "names are those of harness/svm/feature_list.inc"};
        }
        options.vm.hidden.push_back(info->feature);
    } else {
        return runner::Error{"unknown option '" + std::string{name} + "'", "see --help"};
    }
    return std::nullopt;
}

} // namespace

runner::Result<WorkerOptions> parse_options(std::span<char* const> arguments) {
    WorkerOptions options;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string_view argument{arguments[i]};
        if (argument == "--help") {
            options.help = true;
            return options;
        }
        if (argument == "--serve") {
            options.serve = true;
            continue;
        }
        const auto equals = argument.find('=');
        std::string value;
        if (equals != std::string_view::npos) {
            value = argument.substr(equals + 1);
        } else if (i + 1 < arguments.size()) {
            value = arguments[++i];
        } else {
            return failure(std::string{argument} + " takes a value", "see --help");
        }
        if (auto error = set(options, argument.substr(0, equals), value)) {
            return tl::unexpected(std::move(*error));
        }
    }
    if (options.image.empty()) {
        return failure("no --image", "see --help");
    }
    return options;
}

std::string usage() {
    return "kvm-worker: runs a payload in VMs of this machine's KVM\n"
           "  --image FILE         the payload, an ELF file with a PVH entry\n"
           "  --plan FILE          the plan it carries out\n"
           "  --serve              take requests and run each in a VM of its own\n"
           "  --requests IN        where from: fd:N (default fd:0), file:PATH, window:WINDOW\n"
           "  --output OUT         the record stream: fd:N (default fd:1), file:PATH, port:0xe9,\n"
           "                       window:WINDOW\n"
           "  --status OUT         what happens to the VMs, in lines of text (default fd:2)\n"
           "  --ring ADDRESS+SIZE  where in guest memory the payload puts its ring (default: as "
           "the\n"
           "                       plan says)\n"
           "  --ring-window WINDOW the guest's ring itself lies in this memory; its reader is\n"
           "                       whoever maps it outside\n"
           "  --memory MIB         guest memory (default 64)\n"
           "  --cpus N             vCPUs (default 2; all but the first wait for a SIPI)\n"
           "  --hide-feature NAME  clears that CPUID bit; may be repeated\n"
           "  --boot-limit MS      from the start to the hello (default 60000; 0: none)\n"
           "  --case-limit MS      from one record to the next (default 0: none)\n"
           "A WINDOW is PATH@OFFSET+SIZE: one page and a power of two of a file, /dev/mem or a "
           "PCI\n"
           "resource. Exit status: 0 if each plan was carried out, 1 if a VM ended in another "
           "way,\n"
           "64 wrong usage, 99 nothing could be done at all.\n";
}

} // namespace vmrunit::worker
