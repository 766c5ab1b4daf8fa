// SPDX-License-Identifier: GPL-2.0-only
// Virtualised VMLOAD and VMSAVE: neither is intercepted, and the address that L2 gives is its own,
// which the nested tables translate; here to a page that no memory of L1's has the address of.
// Where that cannot be, without nested paging or under a 32-bit L1, both exit without their
// intercepts; with them they exit in any case. APM2 15.33.1.

#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/msr.hpp"
#include "harness/svm/observed_attributes.hpp"
#include "harness/svm/segment.hpp"
#include "harness/svm/vmcb.hpp"
#include "harness/world.hpp"

#include <string>
#include <tuple>
#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::ExitCode;
using svm::Feature;
using svm::Intercept;
using svm::LbrControl;

constexpr std::uint64_t guest_address = 0xc000'0000;
constexpr std::uint64_t entry_bits = world::table_bits | world::dirty;

Write virtualised() {
    return vmcb_set(field::lbr_control, LbrControl::v_vmsave_vmload_enable.mask());
}

/// The guest address leads to the spare VMCB, by a nested page of its own; `bits` are its.
std::vector<Step> mapped(std::uint64_t bits = entry_bits) {
    return {
        Write{wire::Op::Code::write, Region::nested_pd, 3 * page_size, 8,
              in_region(Region::idt16, world::table_bits)},
        Write{wire::Op::Code::write, Region::idt16, 0, 8, in_region(Region::spare_vmcb, bits)},
        l2_register(Register::rax, guest_address),
    };
}

void add(Catalogue& catalogue, const L2Start& start, GuestRow row,
         const std::source_location& where = std::source_location::current()) {
    row.name = "instructions/virtual_" + row.name;
    row.manual = "APM2 15.33.1";
    row.needs.set(Feature::vmsave_virt);
    row.steps.insert(row.steps.begin(), virtualised());
    add_guest_case(catalogue, row, start, where);
}

void translated(Catalogue& catalogue, const L2Start& start) {
    constexpr std::uint64_t kernel_gs_base = 0x0000'1357'9bdf'2460;
    std::vector<Step> loaded = mapped();
    loaded.emplace_back(Write{wire::Op::Code::fill, Region::spare_vmcb, 0, 0, svm::vmcb_size});
    loaded.emplace_back(Write{wire::Op::Code::write, Region::spare_vmcb,
                              field::kernel_gs_base.offset, 8, kernel_gs_base});
    loaded.emplace_back(l2_register(Register::rcx, svm::msr::kernel_gs_base));
    ExitExpectation seen = program_ends();
    seen.fields = {{field::rax, kernel_gs_base & 0xffff'ffff}};
    seen.registers = {{Register::rdx, kernel_gs_base >> 32}};
    add(catalogue, start,
        {.name = "vmload/translated",
         .title = "VMLOAD reads where the nested tables lead.",
         .program = "vmload",
         .steps = std::move(loaded),
         .exit = std::move(seen),
         .l1_modes = only_l1_long64});

    std::vector<Step> saved = mapped();
    saved.emplace_back(Write{wire::Op::Code::fill, Region::spare_vmcb, 0, 0xa5, svm::vmcb_size});
    ExitExpectation written = program_ends();
    const auto expect = [&](svm::FieldRef place, Value value) {
        const auto size = static_cast<std::uint8_t>(place.size_bytes);
        written.memory.push_back({Region::spare_vmcb, place.offset, size, value});
        if (const std::uint64_t unobserved = ~svm::observed_bits(place); unobserved != 0) {
            written.memory.push_back(
                {Region::spare_vmcb, place.offset, size, {}, unobserved, Match::free});
        }
    };
    for (const svm::FieldRef place :
         {field::fs_selector, field::fs_attributes, field::fs_limit, field::gs_selector,
          field::gs_attributes, field::gs_limit, field::tr_selector, field::tr_attributes,
          field::tr_limit, field::tr_base}) {
        expect(place, fresh(place));
    }
    struct Moved {
        svm::FieldRef place;
        std::uint64_t value;
    };
    for (const Moved& one : {
             Moved{field::fs_base, 0x1111'2220},
             Moved{field::gs_base, 0x3333'4440},
             Moved{field::ldtr_selector, l2_selector::ldt},
             Moved{field::ldtr_attributes, svm::system_attributes(svm::segment_type::ldt).value},
             Moved{field::ldtr_limit, sizeof(L2Memory::gdt) - 1},
             Moved{field::ldtr_base, 0x0555'5000},
             Moved{field::star, 0x0023'0010'1111'1111},
             Moved{field::lstar, 0x0000'2222'2222'2220},
             Moved{field::cstar, 0x0000'3333'3333'3330},
             Moved{field::sfmask, 0x0004'4444},
             Moved{field::kernel_gs_base, 0x0000'5555'5555'5550},
             Moved{field::sysenter_cs, 0x66},
             Moved{field::sysenter_esp, 0x7777'7770},
             Moved{field::sysenter_eip, 0x0888'8880},
         }) {
        saved.emplace_back(vmcb_field(one.place, one.value));
        expect(one.place, one.value);
    }
    add(catalogue, start,
        {.name = "vmsave/translated",
         .title = "VMSAVE writes where the nested tables lead, and nothing else of the page.",
         .program = "vmsave",
         .steps = std::move(saved),
         .exit = std::move(written),
         .l1_modes = only_l1_long64});
}

/// What the nested tables do not permit is a nested page fault.
void refused(Catalogue& catalogue, const L2Start& start) {
    struct Refusal {
        std::string name;
        std::string_view program;
        std::uint64_t bits;
        std::uint64_t exit_info_1;
    };
    constexpr std::uint64_t final_address = std::uint64_t{1} << 32;
    for (const Refusal& one :
         {Refusal{"vmload/absent", "vmload", entry_bits & ~world::present, 4},
          Refusal{"vmsave/absent", "vmsave", entry_bits & ~world::present, 6},
          Refusal{"vmsave/read_only", "vmsave", entry_bits & ~world::writable, 7}}) {
        ExitExpectation exit;
        exit.exit_code = ExitCode::npf;
        // Which byte of the page the CPU asks for first is its own affair.
        exit.fields = {{field::exit_info_1, final_address | one.exit_info_1},
                       {field::exit_info_2, guest_address, ~std::uint64_t{0xfff}},
                       {field::exit_info_2, {}, 0xfff, Match::free}};
        add(catalogue, start,
            {.name = one.name,
             .title = "The nested tables refuse the page.",
             .program = one.program,
             .steps = mapped(one.bits),
             .exit = std::move(exit),
             .l1_modes = only_l1_long64});
    }
}

/// It exits, and whatever its address leads to is as it was.
void exits(Catalogue& catalogue, const L2Start& start, const std::string& what,
           std::string_view title, const L1Modes& l1_modes, bool intercepted) {
    for (const auto& [name, code, intercept] :
         {std::tuple{"vmload", ExitCode::vmload, Intercept::vmload},
          std::tuple{"vmsave", ExitCode::vmsave, Intercept::vmsave}}) {
        ExitExpectation exit;
        exit.exit_code = code;
        std::vector<Step> steps{l2_register(Register::rax, in_region(Region::spare_vmcb))};
        if (intercepted) {
            steps = mapped();
            steps.emplace_back(intercepting(intercept));
        }
        add(catalogue, start,
            {.name = std::string{name} + "/" + what,
             .title = title,
             .program = name,
             .steps = std::move(steps),
             .exit = std::move(exit),
             .l1_modes = l1_modes});
    }
}

void virtual_vmload(Catalogue& catalogue) {
    const L2Start nested{L2Mode::long64, 0, true};
    const L2Start not_nested{L2Mode::long64, 0, false};
    constexpr L1Modes only_32bit_l1{false, true, true};
    constexpr std::string_view without =
        "Enabled where it cannot be, it exits without the intercept.";
    translated(catalogue, nested);
    refused(catalogue, nested);
    exits(catalogue, nested, "intercepted", "Enabled, but intercepted.", only_l1_long64, true);
    exits(catalogue, not_nested, "cannot_be", without, all_l1_modes, false);
    exits(catalogue, nested, "cannot_be", without, only_32bit_l1, false);
}

const Registration registration{virtual_vmload};

} // namespace
} // namespace vmrunit::cases
