// SPDX-License-Identifier: GPL-2.0-only
#include "cases/intercept/exception_row.hpp"

#include "harness/svm/exit_code.hpp"
#include "harness/world.hpp"

namespace vmrunit::cases {

namespace {

namespace field = svm::field;

constexpr std::uint8_t gate_present = 0x80;
constexpr std::uint8_t gate_dpl = 0x60;

/// Sets or clears bits of the byte with type, DPL and P of a vector's gates.
std::vector<Step> change_gate(wire::Op::Code code, std::uint8_t vector, std::uint8_t bits) {
    constexpr std::uint32_t attributes = 5;
    return {Write{code, Region::idt, vector * 16u + attributes, 1, bits},
            Write{code, Region::legacy_idt, vector * 8u + attributes, 1, bits},
            Write{code, Region::idt16, vector * 8u + attributes, 1, bits}};
}

std::vector<FieldExpectation> taken_fields(const ExceptionRow& row) {
    const svm::ExitCodeInfo* info =
        svm::exit_code_info(svm::exception_exit_code(row.delivery.vector));
    std::vector<FieldExpectation> fields = row.written_first.fields;
    if (info->info_1 == svm::ExitInfo::defined) {
        fields.push_back({field::exit_info_1, row.delivery.error_code.value(),
                          ~std::uint64_t{0} << 32 | row.delivery.error_code_mask});
    }
    if (info->info_2 == svm::ExitInfo::defined) {
        fields.push_back({field::exit_info_2, row.exit_info_2.value()});
    }
    if (info->timing == svm::ExitTiming::abort) {
        fields.push_back(any_rip());
    }
    if (row.in_delivery) {
        fields.push_back(being_delivered(*row.in_delivery));
    }
    return fields;
}

} // namespace

void exception(InstructionTable& table, const ExceptionRow& row,
               const std::source_location& where) {
    InstructionRow full;
    full.intercept = svm::exception_intercept(row.delivery.vector);
    full.subject = svm::intercept_name(full.intercept);
    full.variant = row.variant;
    full.program = row.program;
    full.manual = "APM2 15.12";
    full.needs = row.needs;
    full.modes = row.modes;
    full.cpl3 = row.cpl3;
    full.setup = row.setup;
    full.taken_rip = row.saved_rip;
    full.taken_instruction_bytes = row.instruction_bytes;
    full.taken_fields = taken_fields(row);
    full.prologue.registers = row.written_first.registers;
    full.prologue.memory = row.written_first.memory;
    full.executed = row.written_last;
    full.executed.fields.insert(full.executed.fields.end(), row.written_first.fields.begin(),
                                row.written_first.fields.end());
    full.raises = row.delivery;
    full.also_meets = row.also_meets;
    table.row(full, where);
    if (row.reaches_idt) {
        return;
    }
    std::string variant{row.variant};
    variant += variant.empty() ? "no_idt" : "_no_idt";
    full.variant = variant;
    full.setup.emplace_back(no_idt());
    full.runs_without_intercept = false;
    table.row(full, where);
}

FieldExpectation any_rip() {
    return {field::rip, {}, ~std::uint64_t{0}, Match::free};
}

FieldExpectation being_delivered(svm::EventInformation event) {
    const bool has_code = event.test(svm::EventInformation::error_code_valid);
    return {field::exit_int_info, event.value,
            has_code ? ~std::uint64_t{0} : ~svm::EventInformation::error_code.mask()};
}

Write no_idt() {
    return vmcb_field(field::idtr_limit, 0);
}

std::vector<Step> absent_gate(std::uint8_t vector) {
    return change_gate(wire::Op::Code::clear_bits, vector, gate_present);
}

std::vector<Step> closed_gate(std::uint8_t vector) {
    return change_gate(wire::Op::Code::clear_bits, vector, gate_dpl);
}

std::vector<Step> open_gate(std::uint8_t vector) {
    return change_gate(wire::Op::Code::set_bits, vector, gate_dpl);
}

std::vector<Step> spare_page_absent() {
    constexpr std::uint32_t large = 0x20'0000;
    constexpr std::uint32_t legacy_large = 0x40'0000;
    return {
        Write{wire::Op::Code::clear_bits, Region::pd, spare_page / large * 8, 1, world::present},
        Write{wire::Op::Code::clear_bits, Region::legacy_pd, spare_page / legacy_large * 4, 1,
              world::present}};
}

} // namespace vmrunit::cases
