// SPDX-License-Identifier: GPL-2.0-only
// What the tests with real VMs share: the worker, the payloads, and whether there is a KVM at all.
// The build passes the files in KVM_WORKER, SCRIPTED_PAYLOAD and CASE_RUNNER.
#pragma once

#include "harness/wire/frame_parser.hpp"

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::worker {

struct FilesUnderTest {
    std::filesystem::path worker;
    std::filesystem::path scripted_payload; ///< tests/qemu/scripted_payload.S
    std::filesystem::path case_runner;
};
[[nodiscard]] FilesUnderTest files_under_test();

/// Empty, or why no VM can be made here.
[[nodiscard]] std::string why_no_vm();

/// Where scripted_payload.S has its ring.
inline constexpr std::uint64_t scripted_ring_address = 0x01000000;
inline constexpr std::uint32_t scripted_ring_size = 0x1000 + 0x10000;

/// A plan of scripted_payload.S: one letter for each thing to do.
[[nodiscard]] std::vector<std::byte> script(std::string_view letters);

/// A plan for the case runner, of no cases.
[[nodiscard]] std::vector<std::byte> empty_plan(std::uint64_t ring_address,
                                                std::uint32_t ring_size);

/// What scripted_payload.S sends by 'b' and 'W'.
[[nodiscard]] std::string much();

/// All frames of a stream. Anything else in it is a failure of the test.
[[nodiscard]] std::vector<wire::Frame> frames_of(std::string_view stream);

} // namespace vmrunit::worker
