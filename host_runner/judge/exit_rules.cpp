// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/judge/exit_rules.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/msr.hpp"
#include "harness/svm/observed_attributes.hpp"
#include "harness/svm/vmcb_fields.hpp"

#include <cstring>
#include <initializer_list>

namespace vmrunit::runner {

namespace {

namespace field = svm::field;
using svm::ExitCode;
using svm::ExitInfo;
using svm::Feature;

/// The value as the CPU gives it back after loading it: fixed bits forced. APM2 3.1, 13.1.1.
void canonicalise_loaded_state(ExpectedVmcb& expected, const svm::Vmcb& before,
                               const svm::Features& features) {
    const auto& save = before.save;
    const auto set = [&](svm::FieldRef ref, std::uint64_t value) {
        expected.set(ref.offset, ref.size_bytes, value);
    };
    set(field::cr0, save.cr0 | svm::cr0::et);
    set(field::dr6, svm::dr6::canonical(save.dr6, features.test(Feature::bus_lock_detect)));
    set(field::dr7, svm::dr7::canonical(save.dr7));
    set(field::rflags, svm::rflags::canonical(save.rflags));
    // LMA follows LME and PG whatever the VMCB says (spec: ENT-LMA). APM2 15.5.1.
    const bool long_mode = (save.efer & svm::efer::lme) != 0 && (save.cr0 & svm::cr0::pg) != 0;
    set(field::efer, long_mode ? save.efer | svm::efer::lma : save.efer & ~svm::efer::lma);
    // RF: what would have been pushed or kept at that point; no source says more (EXT-RFFLAG).
    expected.free(field::rflags.offset, 8, svm::rflags::rf);
    // CPL is forced in real and virtual-8086 mode (ENT-CPL-RM, ENT-CPL-V86).
    if ((save.cr0 & svm::cr0::pe) == 0) {
        set(field::cpl, 0);
    } else if ((save.rflags & svm::rflags::vm) != 0) {
        set(field::cpl, 3);
    }
}

/// Parts of segments that mean nothing. A segment that is not present has no attributes, base or
/// limit; 64-bit mode ignores those of ES, DS and SS. APM2 4.5.3, 15.5.1.
void free_unusable_segments(ExpectedVmcb& expected, const svm::Vmcb& before) {
    struct Place {
        const svm::Segment& segment;
        std::uint32_t offset;
    };
    const auto& save = before.save;
    for (const Place& place : std::initializer_list<Place>{{save.es, field::es_selector.offset},
                                                           {save.ss, field::ss_selector.offset},
                                                           {save.ds, field::ds_selector.offset}}) {
        if (!place.segment.attributes.test(svm::SegmentAttributes::present)) {
            expected.free(place.offset + 2, 2);
            expected.free(place.offset + 4, 4);
            expected.free(place.offset + 8, 8);
        }
    }
}

/// Real mode uses no segment attributes, so what type CS has in the end is nobody's promise: QEMU
/// keeps that of the VMCB, Bochs gives CS the type of data. APM2 4.5.1.
void free_real_mode_code_type(ExpectedVmcb& expected, const svm::Vmcb& before) {
    if ((before.save.cr0 & svm::cr0::pe) == 0) {
        expected.free(field::cs_attributes.offset, 2, svm::SegmentAttributes::type.mask());
    }
}

void judge_exit_info(ExpectedVmcb& expected, svm::FieldRef ref, ExitInfo kind) {
    // Rows say what a defined EXITINFO holds; where no row does it is not judged.
    if (kind == ExitInfo::zero) {
        expected.set(ref.offset, ref.size_bytes, 0);
    } else {
        expected.free(ref.offset, ref.size_bytes);
    }
}

void free_range(ExpectedVmcb& expected, std::uint32_t begin, std::uint32_t end) {
    std::memset(expected.judged.data() + begin, 0, end - begin);
}

/// The control area, APM2 15.6 and appendix B.
void judge_control_area(ExpectedVmcb& expected, const ExitRuleInput& input) {
    const svm::ExitCodeInfo* info = svm::exit_code_info(input.exit_code);
    expected.set(field::exit_code.offset, 8, static_cast<std::uint64_t>(input.exit_code));
    judge_exit_info(expected, field::exit_info_1, info ? info->info_1 : ExitInfo::undefined);
    judge_exit_info(expected, field::exit_info_2, info ? info->info_2 : ExitInfo::undefined);
    // With V clear the rest of EXITINTINFO means nothing. After VMEXIT_INVALID it is not specified.
    expected.set(field::exit_int_info.offset, 8, 0);
    expected.free(field::exit_int_info.offset, 8,
                  input.exit_code == ExitCode::invalid ? every_bit
                                                       : ~svm::EventInformation::valid.mask());
    // EVENTINJ loses V; what happens to the rest, and to all of it when VMRUN is refused, is not
    // specified (spec: EI-CLEAR, CC-INVALID-EFFECT).
    expected.set(field::event_injection.offset, 8, 0, svm::EventInformation::valid.mask());
    expected.free(field::event_injection.offset, 8,
                  input.exit_code == ExitCode::invalid ? every_bit
                                                       : ~svm::EventInformation::valid.mask());
    // Only maintained for guests with protected state.
    expected.free(field::interrupt_shadow.offset, 8,
                  svm::InterruptShadow::guest_interrupt_mask.mask());

    const bool has_next_rip = input.features.test(Feature::nrips) && info != nullptr;
    if (has_next_rip && info->next_rip_saved) {
        expected.set(field::next_rip.offset, 8, input.next_rip);
    } else if (has_next_rip && input.exit_code != ExitCode::invalid) {
        expected.set(field::next_rip.offset, 8, 0);
    } else {
        expected.free(field::next_rip.offset, 8);
    }
    // Instruction bytes: only data faults with decode assists fill them; rows about those say so.
    const bool data_fault =
        input.exit_code == ExitCode::npf || input.exit_code == ExitCode::exception_pf;
    if (input.features.test(Feature::decode_assists) && !data_fault) {
        expected.set(field::insn_byte_count.offset, 1, 0);
    } else {
        expected.free(field::insn_byte_count.offset, 1);
    }
    expected.free(field::insn_bytes.offset, 8);
    expected.free(field::insn_bytes.offset + 8, 7);
}

} // namespace

void ExpectedVmcb::set(std::uint32_t offset, unsigned size, std::uint64_t content,
                       std::uint64_t mask) {
    for (unsigned i = 0; i < size; ++i) {
        const auto byte_mask = static_cast<std::uint8_t>(mask >> (8 * i));
        const auto byte = static_cast<std::uint8_t>(content >> (8 * i));
        auto& old = value[offset + i];
        old = static_cast<std::uint8_t>((old & ~byte_mask) | (byte & byte_mask));
        judged[offset + i] = static_cast<std::uint8_t>(judged[offset + i] | byte_mask);
    }
}

void ExpectedVmcb::free(std::uint32_t offset, unsigned size, std::uint64_t mask) {
    for (unsigned i = 0; i < size; ++i) {
        judged[offset + i] = static_cast<std::uint8_t>(judged[offset + i] &
                                                       ~static_cast<std::uint8_t>(mask >> (8 * i)));
    }
}

std::uint64_t ExpectedVmcb::value_at(std::uint32_t offset, unsigned size) const {
    std::uint64_t content = 0;
    std::memcpy(&content, value.data() + offset, size);
    return content;
}

std::uint64_t ExpectedVmcb::judged_at(std::uint32_t offset, unsigned size) const {
    std::uint64_t mask = 0;
    std::memcpy(&mask, judged.data() + offset, size);
    return mask;
}

ExpectedVmcb expected_after_exit(const ExitRuleInput& input) {
    ExpectedVmcb expected;
    std::memcpy(expected.value.data(), &input.before, sizeof input.before);
    expected.judged.fill(0xff);
    judge_control_area(expected, input);
    if (input.exit_code == ExitCode::invalid || input.exit_code == ExitCode::shutdown) {
        // Nothing is promised about guest state, nor about 060h, 061h and 068h after a shutdown.
        free_range(expected, svm::save_area_offset, svm::vmcb_size);
        if (input.exit_code == ExitCode::shutdown) {
            expected.free(field::virtual_interrupt.offset, 2);
            expected.free(field::interrupt_shadow.offset, 1);
        }
        return expected;
    }
    canonicalise_loaded_state(expected, input.before, input.features);
    free_unusable_segments(expected, input.before);
    free_real_mode_code_type(expected, input.before);
    expected.set(field::rip.offset, 8, input.rip);
    // Which branch was the last is the row's to say; with recording off they go back as they came.
    if (input.features.test(Feature::lbrv) &&
        input.before.control.lbr_control.test(svm::LbrControl::lbr_virtualization_enable) &&
        (input.before.save.dbgctl & svm::debug_ctl::lbr) != 0) {
        free_range(expected, field::br_from.offset, field::dbgextnctl.offset);
    }
    return expected;
}

void free_unobserved_attributes(ExpectedVmcb& expected) {
    for (const svm::ObservedAttributes& one : svm::observed_attributes) {
        if (svm::field_info(one.place).on_exit == svm::OnExit::written) {
            expected.free(one.place.offset, one.place.size_bytes, ~std::uint64_t{one.bits});
        }
    }
}

} // namespace vmrunit::runner
