// SPDX-License-Identifier: GPL-2.0-only
// Reads and writes of debug registers: word 004h of the intercepts. Each exit has the number of the
// register that the instruction encodes, so DR4 and DR5 have their own although they are aliases of
// DR6 and DR7. Every exception of the MOV comes before the intercept: CPL, CR4.DE, DR7.GD, reserved
// bits. APM2 13.1.1, 15.8.1, 15.9.

#include "cases/intercept/register_access.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"

#include <string>

namespace vmrunit::cases {
namespace {

namespace cr4 = svm::cr4;
namespace dr6 = svm::dr6;
namespace dr7 = svm::dr7;
namespace field = svm::field;
using svm::Feature;
using svm::Intercept;

constexpr Delivery debug{.vector = 1};
constexpr Delivery invalid_opcode{.vector = 6};
constexpr Delivery general_protection{.vector = 13, .error_code = 0};
constexpr std::string_view manual = "APM2 15.9";

constexpr std::uint64_t fresh_dr6 = dr6::reset;
constexpr std::uint64_t other_dr6 = dr6::reset | dr6::bs | dr6::b2;
constexpr std::uint64_t fresh_dr7 = dr7::reset;
constexpr std::uint64_t other_dr7 = dr7::reset | dr7::le | dr7::ge;

Intercept reading(unsigned number) {
    return static_cast<Intercept>(static_cast<unsigned>(Intercept::dr0_read) + number);
}
Intercept writing(unsigned number) {
    return static_cast<Intercept>(static_cast<unsigned>(Intercept::dr0_write) + number);
}

/// DR6 for 4 and 6, DR7 for 5 and 7.
bool is_status(unsigned number) {
    return number == 4 || number == 6;
}

// clang-format off

/// DR0 to DR3 are whatever L1 left in them, and no VMCB shows what L2 wrote: the program reads back.
void address_registers(InstructionTable& table) {
    for (unsigned number = 0; number < 4; ++number) {
        const std::string name = "dr" + std::to_string(number);
        const std::uint64_t held = 0x1122'3300 + number;
        const std::uint64_t written = 0x4455'6600 + number;
        const auto l1_register =
            static_cast<wire::L1Register>(static_cast<unsigned>(wire::L1Register::dr0) + number);
        table.row({.subject = name + "_read", .program = "read_" + name,
                   .intercept = reading(number), .manual = manual, .cpl3 = AtCpl3::gp_first,
                   .page_end = PageEnd::within,
                   .setup = {L1Write{l1_register, 0, held}},
                   .taken_fields = {moves_debug(Register::rbx)},
                   .executed = {.registers = {{Register::rbx, held}}}});
        table.row({.subject = name + "_write", .program = "write_" + name,
                   .intercept = writing(number), .manual = manual, .cpl3 = AtCpl3::gp_first,
                   .page_end = PageEnd::within,
                   .setup = {L1Write{l1_register, 0, held},
                             l2_register(Register::rbx, written)},
                   .taken_fields = {moves_debug(Register::rbx)},
                   .epilogue = {.registers = {{Register::rcx, written}}},
                   .also_meets = {reading(number)}});
    }
}

void status_and_control(InstructionTable& table) {
    for (unsigned number = 4; number < 8; ++number) {
        const std::string name = "dr" + std::to_string(number);
        const svm::FieldRef alias_of = is_status(number) ? field::dr6 : field::dr7;
        const std::uint64_t other = is_status(number) ? other_dr6 : other_dr7;
        table.row({.subject = name + "_read", .program = "read_" + name,
                   .intercept = reading(number), .manual = manual, .cpl3 = AtCpl3::gp_first,
                   .page_end = PageEnd::within,
                   .setup = {vmcb_field(alias_of, other)},
                   .taken_fields = {moves_debug(Register::rbx)},
                   .executed = {.registers = {{Register::rbx, other}}}});
        table.row({.subject = name + "_write", .program = "write_" + name,
                   .intercept = writing(number), .manual = manual, .cpl3 = AtCpl3::gp_first,
                   .page_end = PageEnd::within,
                   .setup = {l2_register(Register::rbx, other)},
                   .taken_fields = {moves_debug(Register::rbx)},
                   .executed = {.fields = {{alias_of, other}}}});
        if (number >= 6) {
            continue;
        }
        // With CR4.DE the aliases are gone.
        table.row({.subject = name + "_read", .variant = "cr4_de", .program = "read_" + name,
                   .intercept = reading(number), .manual = manual, .needs = Feature::de,
                   .setup = {vmcb_set(field::cr4, cr4::de)},
                   .reach = Reach::exception_first, .raises = invalid_opcode});
        table.row({.subject = name + "_write", .variant = "cr4_de", .program = "write_" + name,
                   .intercept = writing(number), .manual = manual, .needs = Feature::de,
                   .setup = {vmcb_set(field::cr4, cr4::de), l2_register(Register::rbx, other)},
                   .reach = Reach::exception_first, .raises = invalid_opcode});
    }
    table.row({.subject = "dr6_read", .variant = "r11", .program = "read_dr6_r11",
               .intercept = Intercept::dr6_read, .manual = manual, .modes = only_long64,
               .setup = {vmcb_field(field::dr6, other_dr6)},
               .taken_fields = {moves_debug(Register::r11)},
               .executed = {.registers = {{Register::r11, other_dr6}}}});
    table.row({.subject = "dr6_write", .variant = "r11", .program = "write_dr6_r11",
               .intercept = Intercept::dr6_write, .manual = manual, .modes = only_long64,
               .setup = {l2_register(Register::r11, other_dr6)},
               .taken_fields = {moves_debug(Register::r11)},
               .executed = {.fields = {{field::dr6, other_dr6}}}});
}

/// Decode assists name the register: rBX and R12 have no bit of their numbers in common.
void other_register(InstructionTable& table) {
    for (unsigned number = 0; number < 8; ++number) {
        const std::string name = "dr" + std::to_string(number);
        const bool is_address = number < 4;
        const std::uint64_t held = is_address           ? 0x1122'3300 + number
                                   : is_status(number) ? other_dr6
                                                       : other_dr7;
        const svm::FieldRef place = is_status(number) ? field::dr6 : field::dr7;
        const auto l1_register = static_cast<wire::L1Register>(
            static_cast<unsigned>(wire::L1Register::dr0) + number % 4);
        std::vector<Step> given;
        if (is_address) {
            given.emplace_back(L1Write{l1_register, 0, held});
        } else {
            given.emplace_back(vmcb_field(place, held));
        }
        table.row({.subject = name + "_read", .variant = "r12", .program = "read_" + name + "_r12",
                   .intercept = reading(number), .manual = manual, .modes = only_long64,
                   .setup = given,
                   .taken_fields = {moves_debug(Register::r12)},
                   .executed = {.registers = {{Register::r12, held}}}});
        const std::string written = name + "_write";
        const std::string program = "write_" + name + "_r12";
        InstructionRow write{.subject = written, .variant = "r12", .program = program,
                             .intercept = writing(number), .manual = manual, .modes = only_long64,
                             .setup = {l2_register(Register::r12, held)},
                             .taken_fields = {moves_debug(Register::r12)}};
        if (is_address) { // The program reads back into rCX.
            write.executed.registers = {{Register::rcx, held}};
            write.also_meets = {reading(number)};
        } else {
            write.executed.fields = {{place, held}};
        }
        table.row(write);
    }
}

/// The upper half of DR6 and DR7 must be zero. That this #GP comes before the exit is the manual's
/// word alone: QEMU and Bochs exit first. APM2 13.1.1, 15.9.
void reserved_bits(InstructionTable& table) {
    constexpr std::uint64_t high = std::uint64_t{1} << 32;
    for (unsigned number = 4; number < 8; ++number) {
        const std::string name = "dr" + std::to_string(number);
        const std::uint64_t value = (is_status(number) ? fresh_dr6 : fresh_dr7) | high;
        table.row({.subject = name + "_write", .variant = "gp_high_bit",
                   .program = "write_" + name, .intercept = writing(number), .manual = manual,
                   .modes = only_long64, .setup = {l2_register(Register::rbx, value)},
                   .reach = Reach::exception_first, .raises = general_protection});
    }
}

/// DR7.GD: any access raises #DB before it happens, with DR6.BD set and GD cleared. APM2 13.1.1.4.
void general_detect(InstructionTable& table) {
    for (unsigned number = 0; number < 8; ++number) {
        const std::string name = "dr" + std::to_string(number);
        for (const bool writes : {false, true}) {
            table.row({.subject = name + (writes ? "_write" : "_read"), .variant = "dr7_gd",
                       .program = (writes ? "write_" : "read_") + name,
                       .intercept = writes ? writing(number) : reading(number), .manual = manual,
                       .setup = {vmcb_field(field::dr7, other_dr7 | dr7::gd),
                                 l2_register(Register::rbx, is_status(number) ? other_dr6
                                                                              : fresh_dr7)},
                       .reach = Reach::exception_first,
                       .executed = {.fields = {{field::dr6, fresh_dr6 | dr6::bd},
                                               {field::dr7, other_dr7}}},
                       .raises = debug});
        }
    }
}

/// Registers that do not exist: #UD, whatever is intercepted.
void undefined_registers(InstructionTable& table) {
    for (unsigned number = 8; number < 16; ++number) {
        const std::string name = "dr" + std::to_string(number);
        table.row({.subject = name + "_read", .program = "read_" + name,
                   .intercept = reading(number), .manual = manual, .modes = only_long64,
                   .reach = Reach::exception_first, .raises = invalid_opcode});
        table.row({.subject = name + "_write", .program = "write_" + name,
                   .intercept = writing(number), .manual = manual, .modes = only_long64,
                   .reach = Reach::exception_first, .raises = invalid_opcode});
    }
}
// clang-format on

void debug_registers(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    address_registers(table);
    status_and_control(table);
    other_register(table);
    reserved_bits(table);
    general_detect(table);
    undefined_registers(table);
}

const Registration registration{debug_registers};

} // namespace
} // namespace vmrunit::cases
