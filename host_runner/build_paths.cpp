// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/build_paths.hpp"

namespace vmrunit::runner {

namespace fs = std::filesystem;

DataPaths data_paths() {
    std::error_code error;
    const fs::path program = fs::read_symlink("/proc/self/exe", error);
    const fs::path build = program.parent_path().parent_path();
    const fs::path built_payload = build / "guest_payloads" / "case_runner.elf";
    if (!error && fs::exists(built_payload, error)) {
        return {built_payload, build / "baselines",
                build / "host_runner" / "kvm_worker" / "kvm-worker",
                build / "host_runner" / "lab" / "lab-init"};
    }
    return {fs::path{VMRUNIT_LIBRARY_FOLDER} / "case_runner.elf",
            fs::path{VMRUNIT_DATA_FOLDER} / "baselines",
            fs::path{VMRUNIT_LIBRARY_FOLDER} / "kvm-worker",
            fs::path{VMRUNIT_LIBRARY_FOLDER} / "lab-init"};
}

} // namespace vmrunit::runner
