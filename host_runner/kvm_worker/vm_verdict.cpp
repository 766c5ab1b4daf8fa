// SPDX-License-Identifier: GPL-2.0-only
// Words for the exits of KVM that end a VM. Numbers are those of the kernel's <linux/kvm.h>.
#include "host_runner/kvm_worker/vm_verdict.hpp"

#include <array>
#include <cstring>
#include <linux/kvm.h>
#include <string_view>

namespace vmrunit::worker {

namespace {

constexpr std::uint64_t reset_vector = 0xfff0;

std::string hexadecimal(std::uint64_t value) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    do {
        text.insert(text.begin(), digits[value & 0xf]);
        value >>= 4;
    } while (value != 0);
    return "0x" + text;
}

std::string_view exit_name(std::uint32_t reason) {
    // clang-format off
    switch (reason) {
    case KVM_EXIT_UNKNOWN:          return "KVM_EXIT_UNKNOWN";
    case KVM_EXIT_EXCEPTION:        return "KVM_EXIT_EXCEPTION";
    case KVM_EXIT_HYPERCALL:        return "KVM_EXIT_HYPERCALL";
    case KVM_EXIT_DEBUG:            return "KVM_EXIT_DEBUG";
    case KVM_EXIT_HLT:              return "KVM_EXIT_HLT";
    case KVM_EXIT_IRQ_WINDOW_OPEN:  return "KVM_EXIT_IRQ_WINDOW_OPEN";
    case KVM_EXIT_SHUTDOWN:         return "KVM_EXIT_SHUTDOWN";
    case KVM_EXIT_FAIL_ENTRY:       return "KVM_EXIT_FAIL_ENTRY";
    case KVM_EXIT_SET_TPR:          return "KVM_EXIT_SET_TPR";
    case KVM_EXIT_TPR_ACCESS:       return "KVM_EXIT_TPR_ACCESS";
    case KVM_EXIT_NMI:              return "KVM_EXIT_NMI";
    case KVM_EXIT_INTERNAL_ERROR:   return "KVM_EXIT_INTERNAL_ERROR";
    case KVM_EXIT_WATCHDOG:         return "KVM_EXIT_WATCHDOG";
    case KVM_EXIT_SYSTEM_EVENT:     return "KVM_EXIT_SYSTEM_EVENT";
    case KVM_EXIT_IOAPIC_EOI:       return "KVM_EXIT_IOAPIC_EOI";
    case KVM_EXIT_X86_RDMSR:        return "KVM_EXIT_X86_RDMSR";
    case KVM_EXIT_X86_WRMSR:        return "KVM_EXIT_X86_WRMSR";
    case KVM_EXIT_DIRTY_RING_FULL:  return "KVM_EXIT_DIRTY_RING_FULL";
    case KVM_EXIT_X86_BUS_LOCK:     return "KVM_EXIT_X86_BUS_LOCK";
    case KVM_EXIT_NOTIFY:           return "KVM_EXIT_NOTIFY";
    default:                        return "an exit without a name";
    }
    // clang-format on
}

std::string_view suberror_name(std::uint64_t suberror) {
    switch (suberror) {
    case KVM_INTERNAL_ERROR_EMULATION:
        return "emulation failed";
    case KVM_INTERNAL_ERROR_SIMUL_EX:
        return "simultaneous exceptions";
    case KVM_INTERNAL_ERROR_DELIVERY_EV:
        return "exit while an event was delivered";
    case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON:
        return "unexpected exit reason of the hardware";
    default:
        return "unknown";
    }
}

std::string_view system_event_name(std::uint64_t type) {
    switch (type) {
    case KVM_SYSTEM_EVENT_SHUTDOWN:
        return "shutdown";
    case KVM_SYSTEM_EVENT_RESET:
        return "reset";
    case KVM_SYSTEM_EVENT_CRASH:
        return "crash";
    default:
        return "unknown";
    }
}

std::string values_of(const VmEnd& end) {
    std::string text;
    for (std::uint32_t i = 0; i < end.value_count && i < std::size(end.values); ++i) {
        text += (i == 0 ? ", data " : " ") + hexadecimal(end.values[i]);
    }
    return text;
}

/// Kernels since 5.14 show the bytes that their emulator could not make sense of.
std::string instruction_of(const VmEnd& end) {
    if (end.code != KVM_INTERNAL_ERROR_EMULATION || end.value_count < 3 ||
        (end.values[0] & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) == 0) {
        return {};
    }
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &end.values[1], bytes.size());
    std::string text = ", instruction";
    for (std::size_t i = 0; i < bytes[0] && i + 1 < bytes.size(); ++i) {
        constexpr std::string_view digits = "0123456789abcdef";
        const auto byte = bytes[i + 1];
        text += {' ', digits[byte >> 4], digits[byte & 0xf]};
    }
    return text;
}

/// What is worth reading of what the library printed: without its rulers and its stack of calls.
std::string assertion_of(const std::string& words) {
    std::string text;
    std::size_t at = 0;
    while (at < words.size()) {
        const auto end = std::min(words.find('\n', at), words.size());
        std::string_view line{words.data() + at, end - at};
        at = end + 1;
        line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
        const bool is_noise = line.empty() || line.starts_with("====") ||
                              line.find("addr2line") != std::string_view::npos ||
                              line.find("stack trace") != std::string_view::npos;
        if (!is_noise) {
            text += (text.empty() ? "" : "; ") + std::string{line};
        }
    }
    return text;
}

} // namespace

std::string describe_cpus(const VmState& state) {
    std::string text;
    for (std::size_t i = 0; i < state.cpus.size(); ++i) {
        const auto& snapshot = state.cpus[i];
        const auto& cpu = snapshot.state;
        if (snapshot.valid == 0 || cpu.mp_state == KVM_MP_STATE_UNINITIALIZED ||
            cpu.mp_state == KVM_MP_STATE_INIT_RECEIVED) {
            continue;
        }
        text += (text.empty() ? "cpu " : "; cpu ") + std::to_string(i);
        text += cpu.in_nested_guest != 0 ? " in L2" : "";
        text += cpu.mp_state == KVM_MP_STATE_HALTED ? " halted" : "";
        text += ": rip " + hexadecimal(cpu.rip) + ", rsp " + hexadecimal(cpu.rsp) + ", rflags " +
                hexadecimal(cpu.rflags) + ", cr0 " + hexadecimal(cpu.cr0) + ", cr2 " +
                hexadecimal(cpu.cr2) + ", cr3 " + hexadecimal(cpu.cr3) + ", cr4 " +
                hexadecimal(cpu.cr4) + ", efer " + hexadecimal(cpu.efer) + ", cpl " +
                std::to_string(cpu.cpl);
    }
    return text;
}

std::optional<VmVerdict> verdict_of(const VmState& state) {
    const auto& end = state.end;
    if (end.claimed == 0) {
        return std::nullopt;
    }
    const auto on_cpu = " on cpu " + std::to_string(end.cpu);
    const auto cpus = describe_cpus(state);
    const auto and_cpus = cpus.empty() ? "" : "; " + cpus;
    switch (end.cause) {
    case VmCause::none:
        return std::nullopt;
    case VmCause::shutdown: {
        // SVM's shutdown intercept leaves KVM nothing but to reset the vCPU.
        const bool was_reset =
            end.cpu < state.cpus.size() && state.cpus[end.cpu].state.rip == reset_vector;
        return VmVerdict{HowEnded::shutdown,
                         "KVM_EXIT_SHUTDOWN (triple fault)" + on_cpu + (was_reset ? "" : and_cpus)};
    }
    case VmCause::internal_error:
        return VmVerdict{HowEnded::internal_error, "KVM_EXIT_INTERNAL_ERROR" + on_cpu +
                                                       ": suberror " + std::to_string(end.code) +
                                                       " (" + std::string{suberror_name(end.code)} +
                                                       ")" + instruction_of(end) + values_of(end) +
                                                       and_cpus};
    case VmCause::failed_entry:
        return VmVerdict{HowEnded::failed_entry, "KVM_EXIT_FAIL_ENTRY" + on_cpu +
                                                     ": the hardware's reason " +
                                                     hexadecimal(end.code) + and_cpus};
    case VmCause::system_event:
        return VmVerdict{HowEnded::system_event, "KVM_EXIT_SYSTEM_EVENT" + on_cpu + ": type " +
                                                     std::to_string(end.code) + " (" +
                                                     std::string{system_event_name(end.code)} +
                                                     ")" + values_of(end)};
    case VmCause::unexpected_exit:
        return VmVerdict{HowEnded::unexpected_exit,
                         std::string{exit_name(end.exit_reason)} + " (" +
                             std::to_string(end.exit_reason) + ")" + on_cpu +
                             (end.code != 0 ? ": " + hexadecimal(end.code) : "") + and_cpus};
    case VmCause::run_failed:
        return VmVerdict{HowEnded::run_failed, "KVM_RUN" + on_cpu + ": " +
                                                   std::strerror(static_cast<int>(end.code)) +
                                                   and_cpus};
    case VmCause::halted:
        return VmVerdict{HowEnded::halted, "all CPUs halted for good" + and_cpus};
    }
    return std::nullopt;
}

VmVerdict verdict_of_process(bool signalled, int code, bool had_started, const std::string& words) {
    const auto assertion = assertion_of(words);
    const auto and_words = assertion.empty() ? "" : ": " + assertion;
    if (signalled) {
        return {HowEnded::process_died,
                "the VM process was killed by signal " + std::to_string(code) + and_words};
    }
    if (code == kvm_shim_assertion_failed || code == kvm_shim_requirement_not_met) {
        return {had_started ? HowEnded::process_died : HowEnded::not_started,
                "the KVM selftests library gave up" + and_words};
    }
    return {HowEnded::process_died,
            "the VM process left with exit status " + std::to_string(code) + and_words};
}

} // namespace vmrunit::worker
