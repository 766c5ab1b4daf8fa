// SPDX-License-Identifier: GPL-2.0-only
// How a QEMU machine ended.
//
// QEMU reports a triple fault and a reset that the guest asked for by the same SHUTDOWN reason,
// "guest-reset". TCG's log of CPU resets tells them apart; under KVM only that there was one.
#include "host_runner/targets/qemu_end.hpp"

#include "host_runner/process/text_tail.hpp"

#include <array>
#include <utility>

namespace vmrunit::runner {

namespace {

using How = MachineEnd::How;

/// The hexadecimal number behind `name=`, in lower case and without leading zeros.
std::string register_value(std::string_view registers, std::string_view name) {
    const auto at = registers.find(name);
    if (at == std::string_view::npos) {
        return {};
    }
    auto digits = registers.substr(at + name.size());
    digits = digits.substr(0, digits.find_first_not_of("0123456789abcdefABCDEF"));
    if (digits.empty() || digits.size() > 16) {
        return {};
    }
    const auto significant = digits.find_first_not_of('0');
    return significant == std::string_view::npos ? "0" : std::string{digits.substr(significant)};
}

/// The first line that contains `word`; else the last one.
std::string telling_line(const std::string& text, std::string_view word) {
    const auto at = text.find(word);
    if (at == std::string::npos) {
        TextTail tail{text.size()};
        tail.append(text);
        return tail.last_line();
    }
    const auto before = text.rfind('\n', at);
    const auto begin = before == std::string::npos ? 0 : before + 1;
    return printable(std::string_view{text}.substr(begin, text.find('\n', at) - begin));
}

MachineEnd first_cause(const QemuEvidence& evidence) {
    const std::string last_error = telling_line(evidence.errors, "\n\n\n");
    const std::string and_error = last_error.empty() ? "" : ": " + last_error;
    if (evidence.shutdown_reason) {
        const auto& reason = *evidence.shutdown_reason;
        if (reason == "guest-reset") {
            return evidence.log.find("Triple fault") != std::string::npos
                       ? MachineEnd{How::triple_fault, "triple fault"}
                       : MachineEnd{How::triple_fault, "triple fault or reset by the guest"};
        }
        if (reason == "guest-shutdown") {
            return {How::triple_fault, "the guest switched its machine off"};
        }
        if (reason == "guest-panic") {
            return {How::triple_fault, "the guest reported a panic"};
        }
        if (reason == "host-signal") {
            return {How::emulator_died, "QEMU was told to end by a signal" + and_error};
        }
        return {How::emulator_died, "QEMU shut down: " + printable(reason) + and_error};
    }
    if (evidence.exit_status) {
        return {How::emulator_died, "QEMU: " + describe(*evidence.exit_status) + and_error};
    }
    if (evidence.run_state) {
        const auto line = telling_line(evidence.errors, "KVM");
        return {How::internal_error, "QEMU stopped the machine (" + printable(*evidence.run_state) +
                                         ")" + (line.empty() ? "" : ": " + line)};
    }
    if (!evidence.ring_complaint.empty()) {
        return {How::lost, evidence.ring_complaint};
    }
    return {How::finished, "stopped by the runner"};
}

} // namespace

std::string summarize_registers(std::string_view registers) {
    // The names of 64-bit and of 32-bit mode; the first that is there counts.
    constexpr std::array<std::pair<std::string_view, std::string_view>, 8> wanted{{
        {"rip", "RIP="},
        {"eip", "EIP="},
        {"cr0", "CR0="},
        {"cr2", "CR2="},
        {"cr3", "CR3="},
        {"cr4", "CR4="},
        {"efer", "EFER="},
        {"cpl", "CPL="},
    }};
    std::string text;
    for (const auto& [name, label] : wanted) {
        if (const auto value = register_value(registers, label); !value.empty()) {
            text += (text.empty() ? "" : ", ") + std::string{name} + (name == "cpl" ? " " : " 0x") +
                    value;
        }
    }
    return text;
}

MachineEnd conclude(const QemuEvidence& evidence) {
    auto end = first_cause(evidence);
    if (const auto registers = summarize_registers(evidence.registers); !registers.empty()) {
        end.text += "; " + registers;
    }
    if (!evidence.ring_complaint.empty() && end.how != How::lost) {
        end.text += "; " + evidence.ring_complaint;
    }
    if (const auto words = printable(evidence.guest_text); !words.empty()) {
        end.text += "; the guest said: " + words;
    }
    return end;
}

} // namespace vmrunit::runner
