// SPDX-License-Identifier: GPL-2.0-only
// vmrunit: the host library with the built-in tables and targets.
#include "cases/model/catalogue.hpp"
#include "host_runner/build_paths.hpp"
#include "host_runner/cli/interrupt.hpp"
#include "host_runner/cli/program.hpp"
#include "host_runner/lab/bochs_lab.hpp"
#include "host_runner/lab/lab_target.hpp"
#include "host_runner/lab/qemu_lab.hpp"
#include "host_runner/libvirt/libvirt_target.hpp"
#include "host_runner/targets/bochs_target.hpp"
#include "host_runner/targets/kvm_target.hpp"
#include "host_runner/targets/qemu_target.hpp"

#include <exception>
#include <fmt/format.h>

int main(int argc, char** argv) {
    using namespace vmrunit;
    try {
        // Never destroyed: the end of the process frees a hundred thousand cases at once.
        static const cases::Catalogue& catalogue = *new cases::Catalogue{cases::registered_cases()};
        runner::TargetRegistry targets;
        const runner::DataPaths paths = runner::data_paths();
        targets.add(runner::qemu_target_factories());
        targets.add(runner::kvm_target_factory(paths.kvm_worker));
        targets.add(runner::bochs_target_factory());
        targets.add(
            runner::lab_target_factory({paths.lab_init, paths.kvm_worker},
                                       {runner::qemu_lab_emulator(), runner::bochs_lab_emulator()},
                                       runner::InterruptWatch::interrupted));
        targets.add(runner::libvirt_target_factory());
        return runner::run_program({.catalogue = catalogue,
                                    .targets = targets,
                                    .version = VMRUNIT_VERSION,
                                    .payload = paths.payload,
                                    .baselines_folder = paths.baselines},
                                   {argv + 1, argv + argc});
    } catch (const std::exception& error) {
        fmt::print(stderr, "vmrunit: internal error: {}\n", error.what());
        return 99;
    }
}
