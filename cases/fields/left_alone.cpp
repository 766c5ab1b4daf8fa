// SPDX-License-Identifier: GPL-2.0-only
// What VMRUN and #VMEXIT leave alone, byte by byte: every field that the list calls unchanged is
// filled, L2 runs, and the frame rule demands the filling back. That takes in reserved ranges,
// what VMLOAD and VMSAVE alone move, and what belongs to a feature whose enable bit is clear: of
// these a write would show, and so would a CPU that made use of them. APM2 15.5, 15.6, appendix B.

#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/vmcb_fields.hpp"

#include <algorithm>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Enable;
using svm::Field;
using svm::FieldKind;
using svm::OnExit;
using svm::OnVmrun;

/// May hold anything at VMRUN. The rest has values that mean something and stands in other tables.
bool takes_any_value(const Field& one) {
    // An enable bit of the fresh VMCB is clear, so nobody looks.
    if (one.gate.enable != Enable::always && one.gate.enable != Enable::nested_paging) {
        return true;
    }
    if (!svm::bits_of(one).empty()) {
        return false;
    }
    if (one.kind == FieldKind::reserved) {
        // Bytes beside a field that means something are part of wider words of later CPUs.
        return one.gate == svm::gate::none;
    }
    return one.on_vmrun == OnVmrun::ignored && one.on_exit == OnExit::unchanged;
}

/// Control fields that are read, or may be, but change nothing for a program that does nothing.
constexpr svm::FieldRef harmless[] = {
    field::tsc_offset,         field::pause_filter_threshold,
    field::pause_filter_count, field::avic_backing_page,
    field::avic_logical_table, field::avic_physical_table,
    field::vmsa_pointer,       field::bus_lock_threshold_count,
    field::pml_base,           field::pml_index,
    field::exit_info_1,        field::exit_info_2,
    field::exit_code,          field::exit_int_info,
    field::insn_byte_count,    field::insn_bytes,
    field::v_apic_bar,         field::allowed_sev_features_mask,
};

/// As `harmless` while nested paging is off.
constexpr svm::FieldRef harmless_without_nested_paging[] = {field::n_cr3, field::g_pat};

struct Filling {
    std::string_view name;
    std::uint8_t byte;
};
constexpr Filling fillings[] = {{"ones", 0xff}, {"a5", 0xa5}, {"5a", 0x5a}};

std::vector<Step> fill(const svm::FieldRef& place, std::uint8_t byte) {
    return {Write{wire::Op::Code::fill, Region::vmcb, place.offset, byte, place.size_bytes}};
}

/// Each word its own number, so that a copy to or from elsewhere shows as well.
std::vector<Step> count(const svm::FieldRef& place) {
    std::vector<Step> steps;
    for (std::uint32_t at = 0; at + 8 <= place.size_bytes; at += 8) {
        const std::uint64_t word = 0x0101'0101'0101'0100ull * (at / 8 + 1) | (at / 8 & 0xff);
        steps.emplace_back(Write{wire::Op::Code::write, Region::vmcb,
                                 static_cast<std::uint32_t>(place.offset) + at, 8, word});
    }
    return steps;
}

void add(Catalogue& catalogue, const Field& one, std::string_view filling, std::vector<Step> steps,
         bool only_without_nested_paging) {
    GuestRow row{.name = "fields/" + name_of(one) + "/left_alone/" + std::string{filling},
                 .title = "VMRUN and #VMEXIT leave it as it was.",
                 .manual = one.manual,
                 .steps = std::move(steps)};
    if (one.on_exit == OnExit::written && one.gate.enable == Enable::always) {
        row.title = "What stood there before has no influence.";
    }
    for (const bool nested_paging : {true, false}) {
        if (!(nested_paging && only_without_nested_paging)) {
            add_guest_case(catalogue, row, {L2Mode::long64, 0, nested_paging});
        }
    }
}

/// Hidden attributes that VMLOAD loads. 64-bit mode makes no use of them.
constexpr svm::FieldRef hidden_attributes[] = {field::fs_attributes, field::gs_attributes,
                                               field::ldtr_attributes};

/// Words with bits that mean something beside those that mean nothing. Of a byte that an exit
/// stores bits of nobody says what becomes of the rest. Not among them EVENTINJ, which is a matter
/// of injection, and the clean bits: one of a later CPU would promise that something has not
/// changed.
constexpr svm::FieldRef words_with_reserved_bits[] = {
    field::intercept_instructions_3, field::nested_control,   field::lbr_control,
    field::virtual_interrupt,        field::interrupt_shadow,
};

/// One of the bytes in which the bits lie has some that an exit stores.
bool is_beside_stored(svm::FieldRef word, const Field& bits) {
    const auto first_byte = [](const Field& run) { return run.bit_lo / 8u; };
    const auto last_byte = [](const Field& run) { return (run.bit_lo + run.bit_count - 1u) / 8; };
    return std::ranges::any_of(svm::bits_of(word), [&](const Field& other) {
        return other.on_exit == OnExit::written && first_byte(other) <= last_byte(bits) &&
               first_byte(bits) <= last_byte(other);
    });
}

void bits_alone(Catalogue& catalogue, const Field& word, const Field& bits) {
    const std::string_view run = bits.name.substr(bits.name.rfind('.') + 1);
    add(catalogue, word, run, {vmcb_set(word.ref(), bits.mask())}, false);
}

void reserved_bits(Catalogue& catalogue) {
    for (const svm::FieldRef place : words_with_reserved_bits) {
        for (const Field& bits : svm::bits_of(place)) {
            if (bits.kind == FieldKind::reserved && !is_beside_stored(place, bits)) {
                bits_alone(catalogue, svm::field_info(place), bits);
            }
        }
    }
    // Nobody reads the one that is software's, and no event comes that these would intercept.
    for (const std::string_view name :
         {"control.clean_bits.software", "control.intercept.smi", "control.intercept.init",
          "control.intercept.ferr_freeze"}) {
        const Field& bits = *svm::field_by_name(name);
        bits_alone(catalogue, *svm::find_field(bits.offset), bits);
    }
}

void left_alone(Catalogue& catalogue) {
    reserved_bits(catalogue);
    for (const Field& one : svm::vmcb_fields) {
        const svm::FieldRef place = one.ref();
        const bool unnested = std::ranges::count(harmless_without_nested_paging, place) != 0;
        const bool is_harmless = std::ranges::count(harmless, place) != 0 ||
                                 std::ranges::count(hidden_attributes, place) != 0;
        if (!unnested && !takes_any_value(one) && !is_harmless) {
            continue;
        }
        for (const Filling& filling : fillings) {
            add(catalogue, one, filling.name, fill(place, filling.byte), unnested);
        }
        if (place.size_bytes > 8 && place.size_bytes / 8 <= 200) {
            add(catalogue, one, "counted", count(place), unnested);
        }
    }
}

const Registration registration{left_alone};

} // namespace
} // namespace vmrunit::cases
