// SPDX-License-Identifier: GPL-2.0-only
// __svm_vmload and __svm_vmsave: all of FS, GS, TR, LDTR with their hidden parts, KernelGSBase and
// the MSRs of SYSCALL and SYSENTER, and nothing else. APM3, VMLOAD and VMSAVE.

#include "cases/intrinsics/vmload_state.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/l1_case.hpp"

#include "harness/svm/observed_attributes.hpp"
#include "harness/svm/segment.hpp"
#include "harness/svm/vmcb_fields.hpp"
#include "harness/world.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
namespace type = svm::segment_type;
using svm::SegmentAttributes;

std::string base_of(std::string_view segment) {
    return std::string{segment} + " base";
}

std::string visible_of(std::string_view segment) {
    return std::string{segment} + " selector, attributes and limit";
}

/// Selector, attributes and limit as they stand in the VMCB.
std::uint64_t packed(std::uint16_t selector, SegmentAttributes attributes, std::uint32_t limit) {
    return selector | std::uint64_t{attributes.value} << 16 | std::uint64_t{limit} << 32;
}

/// Of that, what VMSAVE need store as it was loaded.
std::uint64_t kept_of(svm::FieldRef attributes) {
    return packed(0xffff,
                  SegmentAttributes::of(static_cast<std::uint16_t>(svm::observed_bits(attributes))),
                  ~0u);
}

/// What the routine vmload_state reports where FS and GS have these attributes.
CallExpectation loaded_state(SegmentAttributes fs, SegmentAttributes gs, SegmentAttributes ldt,
                             std::uint32_t ldt_limit) {
    CallExpectation expected;
    for (const VmloadPart& part : vmload_parts) {
        expected.values.push_back(reported(std::string{part.what}, part.value));
    }
    const SegmentAttributes tss = svm::system_attributes(svm::segment_type::tss_busy);
    const auto reported_parts = [](std::string_view segment, svm::FieldRef attributes,
                                   std::uint64_t value) {
        CallExpectation::Reported parts = reported(visible_of(segment), value);
        parts.mask = kept_of(attributes);
        return parts;
    };
    const auto reported_address = [](std::string what, Value value) {
        CallExpectation::Reported address = reported(std::move(what), 0);
        address.value = value;
        return address;
    };
    // clang-format off
    expected.values.push_back(reported_parts("FS", field::fs_attributes, packed(l2_selector::user_data, fs, world::flat_limit)));
    expected.values.push_back(reported(base_of("FS"), vmload_parts[0].value));
    expected.values.push_back(reported_parts("GS", field::gs_attributes, packed(l2_selector::absent_data, gs, world::flat_limit)));
    expected.values.push_back(reported(base_of("GS"), vmload_parts[1].value));
    expected.values.push_back(reported_parts("LDTR", field::ldtr_attributes, packed(l2_selector::ldt, ldt, ldt_limit)));
    expected.values.push_back(reported_address(base_of("LDTR"), in_memory(offsetof(L2Memory, gdt))));
    expected.values.push_back(reported_parts("TR", field::tr_attributes, packed(l2_selector::tss64, tss, world::tss_limit)));
    expected.values.push_back(reported_address(base_of("TR"), in_memory(offsetof(L2Memory, tss64))));
    // clang-format on
    return expected;
}

void loads(Catalogue& catalogue) {
    const SegmentAttributes data = svm::data32_attributes();
    const SegmentAttributes ldt = svm::system_attributes(svm::segment_type::ldt);
    constexpr std::uint32_t ldt_limit = sizeof(L2Memory::gdt) - 1;
    std::vector<Step> steps = set_vmload_state();
    steps.emplace_back(vmcb_field(field::ldtr_attributes, ldt.value));
    steps.emplace_back(vmcb_field(field::ldtr_limit, ldt_limit));
    steps.emplace_back(vmcb_field(field::ldtr_base, in_memory(offsetof(L2Memory, gdt))));
    const auto add = [&](std::string name, std::string_view title, SegmentAttributes fs,
                         SegmentAttributes gs, std::vector<std::string> covers) {
        std::vector<Step> all = steps;
        all.emplace_back(vmcb_field(field::fs_attributes, fs.value));
        all.emplace_back(vmcb_field(field::gs_attributes, gs.value));
        all.emplace_back(Call{"vmload_state"});
        add_l1_case(catalogue, {.name = "intrinsics/vmload/" + std::move(name),
                                .title = title,
                                .manual = "APM3 VMLOAD",
                                .l1_modes = all_l1_modes,
                                .steps = std::move(all),
                                .expectations = {loaded_state(fs, gs, ldt, ldt_limit)},
                                .covers = std::move(covers)});
    };
    // The routine reads the hidden parts by VMSAVE, into a page of zeros. L1 has another TSS than
    // L2, and no LDT.
    std::vector<std::string> covers{"field/save.tr.selector/vmload", "field/save.tr.base/vmload"};
    cover_segment(covers, "ldtr", "vmload");
    for (const std::string_view segment : {"fs", "gs", "ldtr", "tr"}) {
        cover_segment(covers, segment, "vmsave");
    }
    add("loads", "Everything it moves comes from the VMCB, no descriptor is read.", data, data,
        std::move(covers));
    // One attribute each in which it differs from the usual descriptor of data.
    struct Attribute {
        std::string name;
        SegmentAttributes value;
    };
    for (const Attribute& one : {
             Attribute{"dpl", data.with(SegmentAttributes::dpl, 3)},
             Attribute{"read_only",
                       data.with(SegmentAttributes::type, type::data_read_only | type::accessed)},
             Attribute{"expand_down",
                       data.with(SegmentAttributes::type, type::data_expand_down | type::accessed)},
             Attribute{"small", data.with(SegmentAttributes::default_size, 0)},
         }) {
        const std::string_view title = "The attribute is loaded, though L1 has it not.";
        add("attributes/fs_" + one.name, title, one.value, data, {});
        add("attributes/gs_" + one.name, title, data, one.value, {});
    }
}

/// Of TR, whose type stays that of a busy TSS: whether a CPU takes another nobody says.
void loads_tr_limit(Catalogue& catalogue) {
    constexpr std::uint32_t limit = world::tss_limit + 0x123;
    const SegmentAttributes data = svm::data32_attributes();
    const SegmentAttributes ldt = svm::system_attributes(svm::segment_type::ldt);
    const SegmentAttributes tss = svm::system_attributes(svm::segment_type::tss_busy);
    constexpr std::uint32_t ldt_limit = sizeof(L2Memory::gdt) - 1;
    std::vector<Step> steps = set_vmload_state();
    steps.emplace_back(vmcb_field(field::ldtr_attributes, ldt.value));
    steps.emplace_back(vmcb_field(field::ldtr_limit, ldt_limit));
    steps.emplace_back(vmcb_field(field::ldtr_base, in_memory(offsetof(L2Memory, gdt))));
    steps.emplace_back(vmcb_field(field::tr_limit, limit));
    steps.emplace_back(Call{"vmload_state"});
    CallExpectation expected = loaded_state(data, data, ldt, ldt_limit);
    for (CallExpectation::Reported& value : expected.values) {
        if (value.what == visible_of("TR")) {
            value.value = packed(l2_selector::tss64, tss, limit);
        }
    }
    add_l1_case(catalogue, {.name = "intrinsics/vmload/tr/limit",
                            .title = "It is loaded, though L1 has it not.",
                            .manual = "APM3 VMLOAD",
                            .l1_modes = all_l1_modes,
                            .steps = std::move(steps),
                            .expectations = {std::move(expected)},
                            .covers = {"field/save.tr.limit/vmload"}});
}

/// Whether an address has 48 bits or 57, these two have one canonical form: bits 47 to 56 are
/// alike, and those above are not.
void makes_bases_canonical(Catalogue& catalogue) {
    struct Base {
        std::string name;
        std::uint64_t given;
        std::uint64_t canonical;
    };
    const SegmentAttributes data = svm::data32_attributes();
    const SegmentAttributes ldt = svm::system_attributes(svm::segment_type::ldt);
    constexpr std::uint32_t ldt_limit = sizeof(L2Memory::gdt) - 1;
    constexpr svm::FieldRef places[] = {field::fs_base, field::gs_base, field::kernel_gs_base,
                                        field::ldtr_base, field::tr_base};
    for (const Base& base : {Base{"upper_half", 0x01ff'8000'1234'5670, 0xffff'8000'1234'5670},
                             Base{"lower_half", 0xfe00'0000'1234'5670, 0x1234'5670}}) {
        std::vector<Step> steps = set_vmload_state();
        steps.emplace_back(vmcb_field(field::ldtr_attributes, ldt.value));
        steps.emplace_back(vmcb_field(field::ldtr_limit, ldt_limit));
        for (const svm::FieldRef place : places) {
            steps.emplace_back(vmcb_field(place, base.given));
        }
        steps.emplace_back(Call{"vmload_state"});
        CallExpectation expected = loaded_state(data, data, ldt, ldt_limit);
        for (CallExpectation::Reported& value : expected.values) {
            if (value.what.ends_with(" base") || value.what == "KernelGSBase") {
                value.value = base.canonical;
            }
        }
        add_l1_case(catalogue, {.name = "intrinsics/vmload/canonical_bases/" + base.name,
                                .title = "VMLOAD makes a base canonical, and VMSAVE stores it so.",
                                .manual = "APM2 15.5.1",
                                .steps = std::move(steps),
                                .expectations = {std::move(expected)}});
    }
}

/// CPL, RSP and so on of the VMCB are L2's: were one of them loaded, it would show.
void leaves_the_rest(Catalogue& catalogue) {
    CallExpectation expected;
    for (const char* what : {"CR0", "CR2", "CR3", "CR4", "CR8", "DR6", "DR7", "EFER", "RFLAGS",
                             "CS", "SS", "DS", "ES", "GDTR base", "IDTR base"}) {
        expected.values.push_back(reported(std::string{what} + " differs by", 0));
    }
    add_l1_case(catalogue,
                {.name = "intrinsics/vmload/leaves_the_rest",
                 .title = "Nothing else of the VMCB is loaded.",
                 .manual = "APM3 VMLOAD",
                 .l1_modes = all_l1_modes,
                 .steps = {vmcb_field(field::cr2, 0x1234'5678), vmcb_field(field::rflags, 0x8d7),
                           vmcb_field(field::dr7, 0x700), Call{"vmload_rest"}},
                 .expectations = {expected}});
}

void stores(Catalogue& catalogue) {
    CallExpectation expected;
    for (const VmloadPart& part : vmload_parts) {
        expected.values.push_back(reported(std::string{part.what} + " differs by", 0));
    }
    std::vector<std::string> covers;
    for (const VmloadPart& part : vmload_parts) {
        covers.push_back("field/" + std::string{svm::field_info(part.place).name} + "/vmsave");
    }
    expected.values.push_back(reported("TR base differs by", 0));
    expected.values.push_back(reported("other bytes of the page that changed", 0));
    add_l1_case(catalogue, {.name = "intrinsics/vmsave/stores",
                            .title = "L1's state goes where it belongs, and no other byte changes.",
                            .manual = "APM3 VMSAVE",
                            .l1_modes = all_l1_modes,
                            .steps = {Call{"vmsave_state"}},
                            .expectations = {expected},
                            .covers = std::move(covers)});
}

void physical_address(Catalogue& catalogue) {
    CallExpectation expected;
    expected.values = {
        reported("fault of VMLOAD", 0), reported("KernelGSBase loaded", vmload_parts[2].value),
        reported("fault of VMSAVE", 0), reported("KernelGSBase stored differs by", 0)};
    std::vector<Step> steps = set_vmload_state();
    steps.emplace_back(Call{"vmload_vmsave_hidden_vmcb"});
    add_l1_case(catalogue, {.name = "intrinsics/vmload/physical_address",
                            .title = "The address is physical: its linear twin is not mapped.",
                            .manual = "APM3 VMLOAD, VMSAVE",
                            .l1_modes = all_l1_modes,
                            .steps = steps,
                            .expectations = {expected}});
}

void vmload_vmsave(Catalogue& catalogue) {
    loads(catalogue);
    loads_tr_limit(catalogue);
    makes_bases_canonical(catalogue);
    leaves_the_rest(catalogue);
    stores(catalogue);
    physical_address(catalogue);
}

const Registration registration{vmload_vmsave};

} // namespace
} // namespace vmrunit::cases
