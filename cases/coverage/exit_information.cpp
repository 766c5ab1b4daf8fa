// SPDX-License-Identifier: GPL-2.0-only
#include "cases/coverage/exit_information.hpp"

#include "cases/coverage/family.hpp"

#include "harness/svm/exit_info.hpp"

#include <string>

namespace vmrunit::cases {
namespace {

using svm::ExitCode;
using enum PartKind;

template<class Layout>
constexpr ExitInformationPart part(ExitCode first, ExitCode last, unsigned field,
                                   std::string_view name, svm::BitRange<Layout> range,
                                   PartKind kind = bits) {
    return {first, last, field, name, range.low, range.count, kind};
}
template<class Layout>
constexpr ExitInformationPart part(ExitCode code, unsigned field, std::string_view name,
                                   svm::BitRange<Layout> range, PartKind kind = bits) {
    return part(code, code, field, name, range, kind);
}
constexpr ExitInformationPart all_of(ExitCode first, ExitCode last, unsigned field,
                                     std::string_view name) {
    return {first, last, field, name, 0, 64, whole};
}
constexpr ExitInformationPart all_of(ExitCode code, unsigned field, std::string_view name) {
    return all_of(code, code, field, name);
}

/// The error code that an exception pushes. APM2 8.4.1.
struct SelectorError : svm::BitWord<SelectorError, std::uint64_t> {
    static constexpr Range external{0};
    static constexpr Range idt{1};
    static constexpr Range ldt{2};
    static constexpr Range index{3, 13};
};

using svm::AvicAccess;
using svm::AvicIncompleteIpi;
using svm::ControlRegisterAccess;
using svm::DebugRegisterAccess;
using svm::IoAccess;
using svm::NestedPageFault;
using svm::PageFaultError;
using svm::SmiSource;
using svm::SoftwareInterrupt;
using svm::TaskSwitch;

// clang-format off
constexpr ExitInformationPart parts[] = {
    part(ExitCode::cr0_read, ExitCode::cr15_write, 1, "general_register", ControlRegisterAccess::general_register),
    part(ExitCode::cr0_read, ExitCode::cr15_write, 1, "is_mov",           ControlRegisterAccess::is_mov, whole),
    part(ExitCode::cr0_sel_write,                  1, "general_register", ControlRegisterAccess::general_register),
    part(ExitCode::cr0_sel_write,                  1, "is_mov",           ControlRegisterAccess::is_mov),
    part(ExitCode::dr0_read, ExitCode::dr15_write, 1, "general_register", DebugRegisterAccess::general_register),

    part(ExitCode::exception_np, ExitCode::exception_gp, 1, "external",   SelectorError::external),
    part(ExitCode::exception_np, ExitCode::exception_gp, 1, "idt",        SelectorError::idt),
    part(ExitCode::exception_np, ExitCode::exception_gp, 1, "ldt",        SelectorError::ldt),
    part(ExitCode::exception_np, ExitCode::exception_gp, 1, "index",      SelectorError::index, whole),
    part(ExitCode::exception_pf, 1, "present",            PageFaultError::present),
    part(ExitCode::exception_pf, 1, "write",              PageFaultError::write),
    part(ExitCode::exception_pf, 1, "user",               PageFaultError::user),
    part(ExitCode::exception_pf, 1, "reserved_bit",       PageFaultError::reserved_bit),
    part(ExitCode::exception_pf, 1, "instruction_fetch",  PageFaultError::instruction_fetch),
    part(ExitCode::exception_pf, 1, "protection_key",     PageFaultError::protection_key),
    part(ExitCode::exception_pf, 1, "shadow_stack",       PageFaultError::shadow_stack),
    part(ExitCode::exception_pf, 1, "rmp",                PageFaultError::rmp),
    all_of(ExitCode::exception_pf, 2, "address"),
    all_of(ExitCode::exception_ac, 1, "error_code"),
    all_of(ExitCode::exception_cp, 1, "error_code"),
    all_of(ExitCode::exception_sx, 1, "error_code"),

    part(ExitCode::smi, 1, "external",       SmiSource::external),
    part(ExitCode::smi, 1, "machine_check",  SmiSource::machine_check),
    part(ExitCode::smi, 1, "segment",        SmiSource::segment),
    part(ExitCode::smi, 1, "in",             SmiSource::in),
    part(ExitCode::smi, 1, "io_valid",       SmiSource::io_valid),
    part(ExitCode::smi, 1, "string",         SmiSource::string),
    part(ExitCode::smi, 1, "repeated",       SmiSource::repeated),
    part(ExitCode::smi, 1, "size",           SmiSource::size),
    part(ExitCode::smi, 1, "address_size",   SmiSource::address_size),
    part(ExitCode::smi, 1, "trap_flag",      SmiSource::trap_flag),
    part(ExitCode::smi, 1, "io_breakpoints", SmiSource::io_breakpoints),
    part(ExitCode::smi, 1, "port",           SmiSource::port),
    all_of(ExitCode::smi, 2, "next_rip"),

    part(ExitCode::int_n, 1, "vector",       SoftwareInterrupt::vector),
    all_of(ExitCode::invlpg, 1, "address"),
    part(ExitCode::ioio_prot, 1, "in",         IoAccess::in),
    part(ExitCode::ioio_prot, 1, "string",     IoAccess::string),
    part(ExitCode::ioio_prot, 1, "repeated",   IoAccess::repeated),
    part(ExitCode::ioio_prot, 1, "size_8",     IoAccess::size_8),
    part(ExitCode::ioio_prot, 1, "size_16",    IoAccess::size_16),
    part(ExitCode::ioio_prot, 1, "size_32",    IoAccess::size_32),
    part(ExitCode::ioio_prot, 1, "address_16", IoAccess::address_16),
    part(ExitCode::ioio_prot, 1, "address_32", IoAccess::address_32),
    part(ExitCode::ioio_prot, 1, "address_64", IoAccess::address_64),
    part(ExitCode::ioio_prot, 1, "segment",    IoAccess::segment),
    part(ExitCode::ioio_prot, 1, "port",       IoAccess::port),
    all_of(ExitCode::ioio_prot, 2, "next_rip"),
    {ExitCode::msr_prot, ExitCode::msr_prot, 1, "write", 0, 1, bits},
    {ExitCode::task_switch, ExitCode::task_switch, 1, "selector", 0, 16, whole},
    part(ExitCode::task_switch, 2, "error_code",       TaskSwitch::error_code, whole),
    part(ExitCode::task_switch, 2, "by_iret",          TaskSwitch::by_iret),
    part(ExitCode::task_switch, 2, "by_far_jump",      TaskSwitch::by_far_jump),
    part(ExitCode::task_switch, 2, "error_code_valid", TaskSwitch::error_code_valid),
    part(ExitCode::task_switch, 2, "resume_flag",      TaskSwitch::resume_flag),

    all_of(ExitCode::efer_write_trap, ExitCode::cr15_write_trap, 1, "new_value"),
    all_of(ExitCode::buslock, 1, "zero"),
    all_of(ExitCode::buslock, 2, "zero"),

    part(ExitCode::npf, 1, "present",                 NestedPageFault::present),
    part(ExitCode::npf, 1, "write",                   NestedPageFault::write),
    part(ExitCode::npf, 1, "user",                    NestedPageFault::user),
    part(ExitCode::npf, 1, "reserved_bit",            NestedPageFault::reserved_bit),
    part(ExitCode::npf, 1, "instruction_fetch",       NestedPageFault::instruction_fetch),
    part(ExitCode::npf, 1, "shadow_stack",            NestedPageFault::shadow_stack),
    part(ExitCode::npf, 1, "rmp",                     NestedPageFault::rmp),
    part(ExitCode::npf, 1, "final_address",           NestedPageFault::final_address),
    part(ExitCode::npf, 1, "table_walk",              NestedPageFault::table_walk),
    part(ExitCode::npf, 1, "encrypted",               NestedPageFault::encrypted),
    part(ExitCode::npf, 1, "rmp_size_mismatch",       NestedPageFault::rmp_size_mismatch),
    part(ExitCode::npf, 1, "vmpl",                    NestedPageFault::vmpl),
    part(ExitCode::npf, 1, "supervisor_shadow_stack", NestedPageFault::supervisor_shadow_stack),
    part(ExitCode::npf, 1, "not_restartable",         NestedPageFault::not_restartable),
    all_of(ExitCode::npf, 2, "address"),
    {ExitCode::avic_incomplete_ipi, ExitCode::avic_incomplete_ipi, 1, "command", 0, 64, whole},
    part(ExitCode::avic_incomplete_ipi, 2, "table_index", AvicIncompleteIpi::table_index, whole),
    part(ExitCode::avic_incomplete_ipi, 2, "reason",      AvicIncompleteIpi::reason, whole),
    part(ExitCode::avic_noaccel, 1, "register_offset",    AvicAccess::register_offset, whole),
    part(ExitCode::avic_noaccel, 1, "write",              AvicAccess::write),
    all_of(ExitCode::avic_noaccel, 2, "vector"),
};
// clang-format on

std::string id_of(svm::ExitCode code, const ExitInformationPart& part) {
    return "exit_info/" + std::string{svm::exit_code_name(code)} + "/" +
           std::to_string(part.field) + "/" + std::string{part.name};
}

/// "exit_info/ioio_prot/1/port.3/set"; of a part of one bit without the number.
std::string bit_id(const std::string& id, const ExitInformationPart& part, unsigned bit, bool set) {
    const std::string number = part.count > 1 ? "." + std::to_string(bit) : "";
    return id + number + (set ? "/set" : "/clear");
}

void covered_by(const Case& one, const CoveredSink& covered) {
    for (const Expectation& expectation : one.expectations) {
        const auto* exit = std::get_if<ExitExpectation>(&expectation);
        if (exit == nullptr) {
            continue;
        }
        for (const FieldExpectation& field : exit->fields) {
            const unsigned number = field.field == svm::field::exit_info_1   ? 1
                                    : field.field == svm::field::exit_info_2 ? 2
                                                                             : 0;
            if (number == 0 || field.match == Match::free) {
                continue;
            }
            for (const ExitInformationPart& part : parts) {
                if (part.field != number || exit->exit_code < part.first ||
                    exit->exit_code > part.last) {
                    continue;
                }
                const std::string id = id_of(exit->exit_code, part);
                const std::uint64_t judged = field.mask >> part.low & svm::low_bits(part.count);
                if (part.kind == whole) {
                    if (judged == svm::low_bits(part.count)) {
                        covered(id);
                    }
                    continue;
                }
                if (field.value.anchor != Anchor::zero || field.match != Match::equals) {
                    continue;
                }
                for (unsigned bit = 0; bit < part.count; ++bit) {
                    if ((judged >> bit & 1) != 0) {
                        const bool set = (field.value.number >> (part.low + bit) & 1) != 0;
                        covered(bit_id(id, part, bit, set));
                    }
                }
            }
        }
    }
}

CoverageFamily exit_information() {
    CoverageFamily family{"exit_info", "EXITINFO1 and EXITINFO2", {}, covered_by};
    for (const ExitInformationPart& part : parts) {
        for (const svm::ExitCodeInfo& info : svm::exit_code_table) {
            if (info.code < part.first || info.code > part.last ||
                !defines_exit_information(info, part.field)) {
                continue;
            }
            const std::string id = id_of(info.code, part);
            const std::string word =
                std::string{info.manual_name} + ", EXITINFO" + std::to_string(part.field);
            const std::string manual{info.manual};
            const svm::ExitInfo kind = part.field == 1 ? info.info_1 : info.info_2;
            const svm::Features needs = kind == svm::ExitInfo::with_assists
                                            ? svm::Features{svm::Feature::decode_assists}
                                            : svm::Features{};
            if (part.kind == whole) {
                family.items.push_back({id, std::string{part.name}, manual, word, part.low, needs});
                continue;
            }
            for (unsigned bit = 0; bit < part.count; ++bit) {
                for (const bool set : {true, false}) {
                    family.items.push_back({bit_id(id, part, bit, set),
                                            std::string{part.name} + (set ? " set" : " clear"),
                                            manual, word, part.low + bit, needs});
                }
            }
        }
    }
    return family;
}

const FamilyRegistration registration{exit_information};

} // namespace

std::span<const ExitInformationPart> exit_information_parts() {
    return parts;
}

bool defines_exit_information(const svm::ExitCodeInfo& info, unsigned field) {
    const svm::ExitInfo kind = field == 1 ? info.info_1 : info.info_2;
    return kind == svm::ExitInfo::defined || kind == svm::ExitInfo::zero ||
           kind == svm::ExitInfo::with_assists || kind == svm::ExitInfo::conditional;
}

} // namespace vmrunit::cases
