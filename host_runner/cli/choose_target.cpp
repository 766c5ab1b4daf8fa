// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/cli/choose_target.hpp"

#include "host_runner/process/find_program.hpp"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>

namespace vmrunit::runner {

tl::expected<std::unique_ptr<Target>, CommandError> choose_target(const Program& program,
                                                                  const CommonOptions& common) {
    const auto create = [&](const std::string& spec) {
        return program.targets.create(spec, common.target_options);
    };
    const std::string& own_qemu = common.target_options.qemu_program;
    if (!own_qemu.empty()) {
        if (!find_program(own_qemu)) {
            return usage_error({"--qemu " + own_qemu + ": there is no such program",
                                "name one of PATH, or give its path"});
        }
        const auto spec = TargetSpec::parse(common.target);
        if (spec && spec->name != "lab" && !spec->name.starts_with("qemu")) {
            return usage_error({"--qemu names a program, and '" + common.target + "' starts none",
                                "leave it out, or write --target qemu"});
        }
    }
    const bool own_kernel = !common.target_options.kernel.empty();
    if (own_kernel && !common.target.empty()) {
        const auto spec = TargetSpec::parse(common.target);
        if (spec && spec->name != "lab") {
            return usage_error(
                {"--kernel names the kernel of a lab target, and '" + common.target + "' is none",
                 "leave --target out, or write --target lab[,PARAMETER=VALUE]..."});
        }
    }
    if (own_kernel && common.target.empty()) {
        auto target = create("lab");
        if (!target) {
            return usage_error(target.error());
        }
        return std::move(*target);
    }
    if (!common.target.empty()) {
        auto target = create(common.target);
        if (!target) {
            return usage_error(target.error());
        }
        return std::move(*target);
    }
    const bool has_kvm = std::ranges::any_of(
        program.targets.factories(), [](const TargetFactory& one) { return one.name == "kvm"; });
    std::string why = "this host has no nested SVM"; // Of a build without the target.
    if (has_kvm) {
        auto kvm = create("kvm");
        if (!kvm) {
            return usage_error(kvm.error());
        }
        const Availability available = (*kvm)->availability();
        if (available.available) {
            fmt::print(stderr, "vmrunit: no --target given: kvm, for this host has nested SVM\n");
            return std::move(*kvm);
        }
        why = Error{available.reason, available.cure}.line();
    }
    auto qemu = create("qemu");
    if (!qemu) {
        return usage_error(qemu.error());
    }
    fmt::print(stderr, "vmrunit: no --target given: qemu; not kvm: {}\n", why);
    return std::move(*qemu);
}

} // namespace vmrunit::runner
