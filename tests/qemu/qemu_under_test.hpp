// SPDX-License-Identifier: GPL-2.0-only
// What the tests with a real QEMU share: which QEMU, which payload, and a folder that must stay
// empty. The build passes them in QEMU_UNDER_TEST, SCRIPTED_PAYLOAD.
#pragma once

#include "host_runner/targets/target.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace vmrunit::runner {

/// $QEMU_UNDER_TEST, or qemu-system-x86_64.
[[nodiscard]] std::string qemu_under_test();

/// A start of scripted_payload.S without a plan; records by port 0xE9 or by the ring it knows.
[[nodiscard]] BootRequest without_ring();
[[nodiscard]] BootRequest with_ring();

/// What is in the folder that TMPDIR names during these tests, and what of ours is in /dev/shm.
[[nodiscard]] std::vector<std::filesystem::path> folder_for_files();

} // namespace vmrunit::runner
