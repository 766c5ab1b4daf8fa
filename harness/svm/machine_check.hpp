// SPDX-License-Identifier: GPL-2.0-only
// Machine-check registers, and the error that hosts raise when asked (wire/host_service.hpp).
// APM2 9.3.
#pragma once

#include <cstdint>

namespace vmrunit::svm::machine_check {

// clang-format off
inline constexpr std::uint32_t msr_global_status = 0x17a;
inline constexpr std::uint32_t msr_status_0      = 0x401; ///< Of bank 0.

inline constexpr std::uint64_t restart_ip_valid  = 1;     ///< Of the global status.
inline constexpr std::uint64_t in_progress       = 4;

inline constexpr std::uint64_t status_valid      = std::uint64_t{1} << 63;
inline constexpr std::uint64_t uncorrected       = std::uint64_t{1} << 61;
inline constexpr std::uint64_t enabled           = std::uint64_t{1} << 60;
inline constexpr std::uint64_t context_corrupt   = std::uint64_t{1} << 57;

inline constexpr std::uint64_t raised_status        = status_valid | uncorrected | enabled | context_corrupt;
inline constexpr std::uint64_t raised_global_status = restart_ip_valid | in_progress;
// clang-format on

} // namespace vmrunit::svm::machine_check
