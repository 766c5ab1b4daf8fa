// SPDX-License-Identifier: GPL-2.0-only
// The VMCB and its field list against facts written here a second time, and the look-ups. Offsets,
// sizes, gaps and overlaps are proved when vmcb_fields.hpp is compiled.
#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb_fields.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <string_view>

namespace vmrunit::svm {
namespace {

std::set<std::string_view> names_of(std::span<const Field> fields) {
    std::set<std::string_view> names;
    for (const Field& field : fields) {
        names.insert(field.name);
    }
    return names;
}

TEST(Vmcb, MembersAreWhereTheManualPutsThem) {
    // clang-format off
    EXPECT_EQ(offsetof(Vmcb, control.iopm_base_pa),      0x040u);
    EXPECT_EQ(offsetof(Vmcb, control.guest_asid),        0x058u);
    EXPECT_EQ(offsetof(Vmcb, control.tlb_control),       0x05cu);
    EXPECT_EQ(offsetof(Vmcb, control.virtual_interrupt), 0x060u);
    EXPECT_EQ(offsetof(Vmcb, control.exit_code),         0x070u);
    EXPECT_EQ(offsetof(Vmcb, control.exit_int_info),     0x088u);
    EXPECT_EQ(offsetof(Vmcb, control.nested_control),    0x090u);
    EXPECT_EQ(offsetof(Vmcb, control.event_injection),   0x0a8u);
    EXPECT_EQ(offsetof(Vmcb, control.n_cr3),             0x0b0u);
    EXPECT_EQ(offsetof(Vmcb, control.next_rip),          0x0c8u);
    EXPECT_EQ(offsetof(Vmcb, control.insn_bytes),        0x0d1u);
    EXPECT_EQ(offsetof(Vmcb, save.cs),                   0x410u);
    EXPECT_EQ(offsetof(Vmcb, save.gdtr.limit),           0x464u);
    EXPECT_EQ(offsetof(Vmcb, save.tr.base),              0x498u);
    EXPECT_EQ(offsetof(Vmcb, save.cpl),                  0x4cbu);
    EXPECT_EQ(offsetof(Vmcb, save.efer),                 0x4d0u);
    EXPECT_EQ(offsetof(Vmcb, save.cr4),                  0x548u);
    EXPECT_EQ(offsetof(Vmcb, save.cr0),                  0x558u);
    EXPECT_EQ(offsetof(Vmcb, save.rip),                  0x578u);
    EXPECT_EQ(offsetof(Vmcb, save.rsp),                  0x5d8u);
    EXPECT_EQ(offsetof(Vmcb, save.rax),                  0x5f8u);
    EXPECT_EQ(offsetof(Vmcb, save.kernel_gs_base),       0x620u);
    EXPECT_EQ(offsetof(Vmcb, save.cr2),                  0x640u);
    EXPECT_EQ(offsetof(Vmcb, save.g_pat),                0x668u);
    EXPECT_EQ(offsetof(Vmcb, save.spec_ctrl),            0x6e0u);
    // clang-format on
}

TEST(Vmcb, BitWordsChangeOnlyTheirRun) {
    VirtualInterrupt word = VirtualInterrupt::of(~std::uint64_t{0});
    word.set(VirtualInterrupt::v_intr_vector, 0x30);
    EXPECT_EQ(word.value, 0xffffff30ffffffffu);
    word.clear(VirtualInterrupt::v_irq);
    EXPECT_EQ(word.value, 0xffffff30fffffeffu);
    EXPECT_FALSE(word.test(VirtualInterrupt::v_irq));
    EXPECT_EQ(word.get(VirtualInterrupt::v_intr_vector), 0x30u);
    EXPECT_EQ(VirtualInterrupt{}.with(VirtualInterrupt::v_tpr, 0x1f).value, 0xfu)
        << "content wider than the run must be cut off";
    EXPECT_EQ(low_bits(0), 0u);
    EXPECT_EQ(low_bits(64), ~std::uint64_t{0});
}

TEST(Vmcb, EventsAreEncodedAsInEventInj) {
    EXPECT_EQ(EventInjection::event(EventType::exception, 13, 0x18).value, 0x0000001880000b0du);
    EXPECT_EQ(EventInjection::event(EventType::interrupt, 0x20).value, 0x80000020u);
    EXPECT_EQ(EventInjection::event(EventType::nmi, 2).value, 0x80000202u);
    EXPECT_EQ(EventInjection::event(EventType::software_interrupt, 0x80).value, 0x80000480u);
}

TEST(VmcbFields, NamesAreUnique) {
    std::set<std::string_view> names = names_of(vmcb_fields);
    EXPECT_EQ(names.size(), vmcb_fields.size());
    names.merge(names_of(vmcb_bits));
    EXPECT_EQ(names.size(), vmcb_fields.size() + vmcb_bits.size());
}

TEST(VmcbFields, NamesAreLowerCaseWords) {
    const auto acceptable = [](const Field& field) {
        return std::ranges::all_of(field.name, [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
        });
    };
    for (const Field& field : vmcb_fields) {
        EXPECT_TRUE(acceptable(field)) << field.name;
        EXPECT_EQ(field.name.substr(0, field.name.find('.')),
                  field.offset < save_area_offset ? "control" : "save");
    }
    for (const Field& bits : vmcb_bits) {
        EXPECT_TRUE(acceptable(bits)) << bits.name;
    }
}

// As many smallest named things as the fact base has rows for the control and save areas, and one
// more: the reserved bits of 068h are two runs, that of the byte in which an exit stores others and
// that of the bytes behind it.
TEST(VmcbFields, EveryFactHasItsRow) {
    std::size_t words = 0;
    for (const Field& field : vmcb_fields) {
        words += bits_of(field).empty() ? 0 : 1;
    }
    EXPECT_EQ(vmcb_fields.size() - words + vmcb_bits.size(), 515u + 1);
}

TEST(VmcbFields, ConstantsReferToTheirRows) {
    EXPECT_EQ(field::exit_info_1, (FieldRef{0x078, 8}));
    EXPECT_EQ(field::cs_base, (FieldRef{0x418, 8}));
    EXPECT_EQ(field::ss_attributes, (FieldRef{0x422, 2}));
    EXPECT_EQ(field::tlb_control, (FieldRef{0x05c, 1}));
    EXPECT_EQ(field_info(field::exit_info_1).name, "control.exit_info_1");
    EXPECT_EQ(field_info(field::cs_base).name, "save.cs.base");
    for (const Field& field : vmcb_fields) {
        EXPECT_EQ(&field_info(field.ref()), &field);
    }
}

TEST(VmcbFields, BitConstantsAgreeWithTheRegisters) {
    // clang-format off
    EXPECT_EQ(bits::efer::svme.mask(),       efer::svme);
    EXPECT_EQ(bits::efer::lme.mask(),        efer::lme);
    EXPECT_EQ(bits::efer::lma.mask(),        efer::lma);
    EXPECT_EQ(bits::efer::aibrse.mask(),     efer::aibrse);
    EXPECT_EQ(bits::cr0::pe.mask(),          cr0::pe);
    EXPECT_EQ(bits::cr0::wp.mask(),          cr0::wp);
    EXPECT_EQ(bits::cr0::nw.mask(),          cr0::nw);
    EXPECT_EQ(bits::cr0::cd.mask(),          cr0::cd);
    EXPECT_EQ(bits::cr0::pg.mask(),          cr0::pg);
    EXPECT_EQ(bits::cr0::mbz_32_63.mask(),   cr0::must_be_zero);
    EXPECT_EQ(bits::cr4::pae.mask(),         cr4::pae);
    EXPECT_EQ(bits::cr4::osxsave.mask(),     cr4::osxsave);
    EXPECT_EQ(bits::cr4::cet.mask(),         cr4::cet);
    EXPECT_EQ(bits::dr6::mbz_32_63.mask(),   dr6::must_be_zero);
    EXPECT_EQ(bits::dr7::mbz_32_63.mask(),   dr7::must_be_zero);
    // clang-format on
    EXPECT_EQ(bits::cr4::mbz_13_15.mask() | bits::cr4::mbz_19.mask() | bits::cr4::mbz_24_63.mask(),
              cr4::must_be_zero);
    EXPECT_EQ(bits::efer::mbz_9.mask() | bits::efer::mbz_16.mask() | bits::efer::mbz_19.mask() |
                  bits::efer::mbz_22.mask(),
              efer::must_be_zero);
    EXPECT_EQ(bits::virtual_interrupt::v_intr_vector.in_place(0x1ff), 0xff'0000'0000u);
}

TEST(VmcbFields, EveryByteAndBitIsFound) {
    const Field* previous = nullptr;
    for (std::size_t offset = 0; offset < vmcb_size; ++offset) {
        const Field* field = find_field(offset);
        ASSERT_NE(field, nullptr);
        ASSERT_LE(field->offset, offset);
        ASSERT_LT(offset, std::size_t{field->offset} + field->bit_count / 8u);
        ASSERT_TRUE(field == previous || field->offset == offset);
        previous = field;
        for (unsigned bit = 0; bit < 8; ++bit) {
            const Field* part = find_bit(offset, bit);
            ASSERT_NE(part, nullptr);
            const std::size_t at = (offset - part->offset) * 8 + bit;
            ASSERT_GE(at, part->bit_lo);
            ASSERT_LT(at, std::size_t{part->bit_lo} + part->bit_count);
        }
    }
    EXPECT_EQ(find_field(vmcb_size), nullptr);
    EXPECT_EQ(find_bit(vmcb_size, 0), nullptr);
}

TEST(VmcbFields, BitsAreFoundByPosition) {
    EXPECT_EQ(find_bit(0x00e, 2)->name, "control.intercept.cpuid");
    EXPECT_EQ(find_bit(0x017, 7)->name, "control.intercept_instructions_3.reserved_7");
    EXPECT_EQ(find_bit(0x061, 0)->name, "control.virtual_interrupt.v_irq");
    EXPECT_EQ(find_bit(0x064, 3)->name, "control.virtual_interrupt.v_intr_vector");
    EXPECT_EQ(find_bit(0x0ab, 7)->name, "control.event_injection.valid");
    EXPECT_EQ(find_bit(0x413, 1)->name, "save.cs.attributes.long_mode");
    EXPECT_EQ(find_bit(0x4d1, 4)->name, "save.efer.svme");
    EXPECT_EQ(find_bit(0x578, 0)->name, "save.rip");
    EXPECT_EQ(find_bit(0x5a0, 0)->name, "save.reserved_580");
}

TEST(VmcbFields, AreFoundByName) {
    for (const Field& field : vmcb_fields) {
        EXPECT_EQ(field_by_name(field.name), &field);
    }
    ASSERT_NE(field_by_name("save.efer.svme"), nullptr);
    EXPECT_EQ(field_by_name("save.efer.svme")->bit_lo, 12);
    EXPECT_EQ(field_by_name("save.efer.svm"), nullptr);
    EXPECT_EQ(field_by_name(""), nullptr);
}

TEST(VmcbFields, BitsOfAFieldOfOneValueAreNone) {
    EXPECT_TRUE(bits_of(field::rip).empty());
    EXPECT_TRUE(bits_of(FieldRef{0x579, 1}).empty());
    EXPECT_EQ(bits_of(field::intercept_cr).size(), 32u);
    EXPECT_EQ(bits_of(field::intercept_instructions_3).size(), 8u);
    EXPECT_EQ(bits_of(field::event_injection).size(), 6u);
    EXPECT_EQ(bits_of(field::cs_attributes).size(), 9u);
}

TEST(VmcbFields, WhatVmrunAndExitDo) {
    const Field& rip = field_info(field::rip);
    EXPECT_EQ(rip.kind, FieldKind::state);
    EXPECT_EQ(rip.on_vmrun, OnVmrun::loaded);
    EXPECT_EQ(rip.on_exit, OnExit::written);
    EXPECT_FALSE(rip.moved_by_vmload);
    EXPECT_EQ(rip.clean_bit, no_clean_bit);

    const Field& star = field_info(field::star);
    EXPECT_EQ(star.on_vmrun, OnVmrun::ignored);
    EXPECT_EQ(star.on_exit, OnExit::unchanged);
    EXPECT_TRUE(star.moved_by_vmload);

    EXPECT_EQ(field_info(field::n_cr3).clean_bit, 4);
    EXPECT_EQ(field_info(field::n_cr3).gate, gate::needs(Feature::np));
    EXPECT_EQ(field_info(field::g_pat).gate.enable, Enable::nested_paging);
    EXPECT_EQ(field_info(field::br_from).gate.enable, Enable::lbr_virtualization);
    EXPECT_EQ(field_info(field::cr2).clean_bit, 9);
    EXPECT_EQ(field_by_name("control.event_injection.valid")->on_exit, OnExit::written);
    EXPECT_EQ(field_by_name("control.event_injection.vector")->on_exit, OnExit::undefined);
    EXPECT_EQ(field_info(field::reserved_580).on_exit, OnExit::unchanged);
    EXPECT_TRUE(field_by_name("save.efer.lmsle")->gate.undecided);
}

// VMLOAD and VMSAVE move this set and nothing else (APM vol. 2, 15.5.2).
TEST(VmcbFields, VmloadSetIsTheArchitecturalOne) {
    std::set<std::string_view> moved;
    for (const Field& field : vmcb_fields) {
        if (field.moved_by_vmload) {
            moved.insert(field.name);
        }
    }
    const std::set<std::string_view> expected{
        // clang-format off
        "save.fs.selector",   "save.fs.attributes",   "save.fs.limit",     "save.fs.base",
        "save.gs.selector",   "save.gs.attributes",   "save.gs.limit",     "save.gs.base",
        "save.ldtr.selector", "save.ldtr.attributes", "save.ldtr.limit",   "save.ldtr.base",
        "save.tr.selector",   "save.tr.attributes",   "save.tr.limit",     "save.tr.base",
        "save.star",          "save.lstar",           "save.cstar",        "save.sfmask",
        "save.sysenter_cs",   "save.sysenter_esp",    "save.sysenter_eip", "save.kernel_gs_base",
        // clang-format on
    };
    EXPECT_EQ(moved, expected);
}

TEST(VmcbFields, AWordSumsUpItsBits) {
    const Field& injection = field_info(field::event_injection);
    EXPECT_EQ(injection.kind, FieldKind::event);
    EXPECT_EQ(injection.on_vmrun, OnVmrun::used);
    EXPECT_EQ(injection.on_exit, OnExit::written);

    const Field& interrupt = field_info(field::virtual_interrupt);
    EXPECT_EQ(interrupt.on_vmrun, OnVmrun::loaded);
    EXPECT_EQ(interrupt.clean_bit, 3);
    EXPECT_EQ(interrupt.gate, gate::none) << "its bits have different gates";

    EXPECT_EQ(field_info(field::avic_backing_page).gate, gate::needs(Feature::avic));
    EXPECT_EQ(field_info(field::intercept_cr).kind, FieldKind::intercept);
    EXPECT_EQ(field_info(field::fs_attributes).on_vmrun, OnVmrun::ignored);
}

TEST(VmcbFields, ValuesAreReadAndWrittenInPlace) {
    alignas(vmcb_size) std::array<std::uint8_t, vmcb_size> page{};
    write_field(page, field::rip, 0x1122334455667788);
    write_field(page, field::cs_selector, 0x12345);
    write_field(page, field::rap_control, 0xffffffff);
    Vmcb vmcb;
    std::memcpy(&vmcb, page.data(), sizeof(vmcb));
    EXPECT_EQ(vmcb.save.rip, 0x1122334455667788u);
    EXPECT_EQ(vmcb.save.cs.selector, 0x2345u);
    EXPECT_EQ(vmcb.save.cs.attributes.value, 0u) << "only the two bytes of the selector";
    EXPECT_EQ(vmcb.control.virtual_interrupt.value, 0u) << "only the three bytes of the field";
    EXPECT_EQ(read_field(page, field::rip), 0x1122334455667788u);
    EXPECT_EQ(read_field(page, field::cs_selector), 0x2345u);
    EXPECT_EQ(read_field(page, field::rap_control), 0xffffffu);
}

} // namespace
} // namespace vmrunit::svm
