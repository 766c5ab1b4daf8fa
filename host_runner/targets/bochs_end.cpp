// SPDX-License-Identifier: GPL-2.0-only
// How a Bochs machine ended.
//
// With reset_on_triple_fault=0 a triple fault is a panic, which ends Bochs with the message on its
// standard error and the registers in its log. A reset that the guest asks for is none: the log
// tells of it, and the machine would boot once more.
#include "host_runner/targets/bochs_end.hpp"

#include "host_runner/process/text_tail.hpp"

#include <array>

namespace vmrunit::runner {

namespace {

using How = MachineEnd::How;

constexpr std::string_view message_follows = "Bochs is exiting with the following message:\n";

/// The line in which Bochs says why it ends.
std::string last_message(const std::string& errors) {
    const auto at = errors.rfind(message_follows);
    if (at == std::string::npos) {
        TextTail tail{errors.size()};
        tail.append(errors);
        return tail.last_line();
    }
    const auto begin = at + message_follows.size();
    return printable(std::string_view{errors}.substr(begin, errors.find('\n', begin) - begin));
}

bool is_shutdown(const std::string& message) {
    return message.find("exception with no resolution") != std::string::npos ||
           message.find("shutdown state") != std::string::npos;
}

/// The hexadecimal number behind the last `name=`, in lower case and without leading zeros.
std::string last_value(std::string_view log, std::string_view name) {
    const auto at = log.rfind(name);
    if (at == std::string_view::npos) {
        return {};
    }
    auto digits = log.substr(at + name.size());
    if (digits.starts_with("0x")) {
        digits.remove_prefix(2);
    }
    digits = digits.substr(0, digits.find_first_not_of("0123456789abcdef"));
    if (digits.empty() || digits.size() > 16) {
        return {};
    }
    const auto significant = digits.find_first_not_of('0');
    return significant == std::string_view::npos ? "0" : std::string{digits.substr(significant)};
}

} // namespace

MachineEnd conclude(const BochsEvidence& evidence) {
    const auto registers = summarize_bochs_registers(evidence.log);
    const auto and_registers = registers.empty() ? "" : "; " + registers;
    if (evidence.exit_status) {
        const auto message = last_message(evidence.errors);
        if (is_shutdown(message)) { // even if Bochs then crashes while it tidies up, as 2.7 may
            return {How::triple_fault, "triple fault" + and_registers};
        }
        return {How::emulator_died, "Bochs: " + describe(*evidence.exit_status) +
                                        (message.empty() ? "" : ": " + message) + and_registers};
    }
    if (evidence.reset) {
        return {How::triple_fault, "reset by the guest"};
    }
    return {How::finished, "stopped by the runner"};
}

unsigned count_resets(std::string_view log) {
    constexpr std::string_view words = "bx_pc_system_c::Reset(";
    unsigned count = 0;
    for (auto at = log.find(words); at != std::string_view::npos; at = log.find(words, at + 1)) {
        ++count;
    }
    return count;
}

std::string summarize_bochs_registers(std::string_view log) {
    struct Part {
        std::string_view shown;
        std::string_view name;
        std::string_view name_32; ///< How a CPU outside long mode calls it.
    };
    static constexpr std::array<Part, 5> parts{{{"rip", "| RIP=", "| EIP="},
                                                {"cr0", "| CR0=", {}},
                                                {"cr2", "CR2=", {}},
                                                {"cr3", "| CR3=", {}},
                                                {"cr4", "CR4=", {}}}};
    // Only the last dump: the name that comes later belongs to it.
    const auto last_of = [&](std::string_view name) {
        const auto at = log.rfind(name);
        return at == std::string_view::npos ? std::size_t{0} : at + 1;
    };
    std::string summary;
    for (const auto& part : parts) {
        const bool shorter = !part.name_32.empty() && last_of(part.name_32) > last_of(part.name);
        const auto value = last_value(log, shorter ? part.name_32 : part.name);
        if (!value.empty()) {
            summary.append(summary.empty() ? "" : ", ").append(part.shown).append(" 0x");
            summary.append(value);
        }
    }
    return summary;
}

} // namespace vmrunit::runner
