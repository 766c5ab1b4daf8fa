// SPDX-License-Identifier: GPL-2.0-only
// Somebody else's program on the host library: the usual command line, with a table and a payload
// of its own. outsider PAYLOAD ARGUMENTS...

#include "cases/model/catalogue.hpp"
#include "host_runner/cli/program.hpp"
#include "host_runner/targets/qemu_target.hpp"

#include <exception>
#include <fmt/format.h>

int main(int argc, char** argv) {
    using namespace vmrunit;
    if (argc < 2) {
        fmt::print(stderr, "outsider: the payload is missing\n");
        return 64;
    }
    try {
        const cases::Catalogue catalogue = cases::registered_cases();
        runner::TargetRegistry targets;
        targets.add(runner::qemu_target_factories());
        return runner::run_program({.catalogue = catalogue,
                                    .targets = targets,
                                    .version = "1",
                                    .payload = argv[1],
                                    .baselines_folder = {}},
                                   {argv + 2, argv + argc});
    } catch (const std::exception& error) {
        fmt::print(stderr, "outsider: {}\n", error.what());
        return 99;
    }
}
