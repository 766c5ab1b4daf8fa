// SPDX-License-Identifier: GPL-2.0-only
// The worker's status lines: what happens to its VMs, in text, apart from the record stream. Used
// at both ends. docs/wire-format.md describes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vmrunit::worker {

inline constexpr unsigned protocol_version = 1;

/// How a VM of the worker ended.
enum class HowEnded : std::uint8_t {
    finished,        ///< The plan is done, or the payload refused it and said so.
    halted,          ///< All CPUs halted for good before the plan was done.
    hung,            ///< No record within the limit.
    stuck,           ///< The VM process cannot be killed: its kernel does not let go of it.
    shutdown,        ///< KVM_EXIT_SHUTDOWN: a triple fault.
    internal_error,  ///< KVM_EXIT_INTERNAL_ERROR.
    failed_entry,    ///< KVM_EXIT_FAIL_ENTRY.
    system_event,    ///< KVM_EXIT_SYSTEM_EVENT: the guest reset its machine or switched it off.
    unexpected_exit, ///< Another exit of KVM's.
    run_failed,      ///< KVM_RUN returned an error.
    stream_lost,     ///< The ring makes no sense any more, or nobody takes the records.
    stopped,         ///< Told to.
    not_started,     ///< No VM could be made: no /dev/kvm, no memory, an assertion of the library.
    process_died,    ///< The VM process was killed.
};
[[nodiscard]] std::string_view to_string(HowEnded how);

enum class StatusKind : std::uint8_t {
    ready,   ///< The worker listens; detail: the kernel.
    started, ///< A VM starts; its stream begins anew.
    ended,   ///< It ended: how, after how many bytes of the stream.
    refused, ///< A request that makes no sense; detail: why.
};

struct StatusMessage {
    StatusKind kind = StatusKind::ready;
    std::uint32_t request = 0; ///< The request it is about; 0 where there was none.
    HowEnded how = HowEnded::finished;
    std::uint64_t stream = 0; ///< Bytes of record stream that this VM wrote, all of them delivered.
    std::string detail{};     ///< One line for people.
    bool operator==(const StatusMessage&) const = default;
};

/// One line, with its end.
[[nodiscard]] std::string format_status(const StatusMessage& message);
/// Nothing if the line is none of the worker's: other programs may write to the same place.
[[nodiscard]] std::optional<StatusMessage> parse_status(std::string_view line);

} // namespace vmrunit::worker
