// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/judge/show.hpp"

#include "harness/svm/exit_code.hpp"

#include <fmt/format.h>

namespace vmrunit::runner {

std::string show_address(std::uint64_t address, const Resolver& resolve) {
    const L2Program& program = resolve.program();
    const LayoutDescriptor& layout = resolve.image().layout();
    std::string number = fmt::format("0x{:016x}", address);
    const std::uint64_t in_code = address + resolve.code_base();
    if (in_code == program.insn) {
        return number + " (insn)";
    }
    if (in_code == program.after) {
        return number + " (after)";
    }
    if (in_code >= program.start && in_code < program.end) {
        return fmt::format("{} (start+{})", number, in_code - program.start);
    }
    const std::uint64_t handlers = resolve.handler(0);
    if (address >= handlers && address < handlers + 256 * layout.handler_size) {
        const std::uint64_t inside = address - handlers;
        const std::uint64_t offset = inside % layout.handler_size;
        return fmt::format("{} (handler {}{})", number, inside / layout.handler_size,
                           offset == 0 ? "" : fmt::format("+{}", offset));
    }
    return number;
}

std::string show_field(svm::FieldRef field, std::uint64_t value, const Resolver& resolve) {
    if (field == svm::field::exit_code) {
        const std::string_view name = svm::exit_code_name(static_cast<svm::ExitCode>(value));
        return value <= 0xfff ? fmt::format("0x{:03x} {}", value, name)
                              : fmt::format("0x{:x} {}", value, name);
    }
    if (field == svm::field::rip || field == svm::field::next_rip) {
        return show_address(value, resolve);
    }
    return fmt::format("0x{:0{}x}", value, field.size_bytes * 2);
}

std::string show_changed_bits(svm::FieldRef field, std::uint64_t expected, std::uint64_t actual,
                              std::uint64_t judged) {
    const std::uint64_t differs = (expected ^ actual) & judged;
    std::string text;
    for (const svm::Field& bits : svm::bits_of(field)) {
        const std::uint64_t mask = bits.mask();
        if ((differs & mask) == 0) {
            continue;
        }
        const std::string_view full = bits.name;
        const std::string_view name = full.substr(full.rfind('.') + 1);
        if (!text.empty()) {
            text += ' ';
        }
        if (bits.bit_count == 1) {
            text += fmt::format("{}{}", (actual & mask) != 0 ? '+' : '-', name);
        } else {
            text += fmt::format("{}:{:x}->{:x}", name, (expected & mask) >> bits.bit_lo,
                                (actual & mask) >> bits.bit_lo);
        }
    }
    return text;
}

} // namespace vmrunit::runner
