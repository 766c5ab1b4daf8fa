// SPDX-License-Identifier: GPL-2.0-only
// State that L2 reads by RDMSR: what VMLOAD moves and VMRUN and #VMEXIT leave alone, EFER bit by
// bit, and the PAT, which is L2's own with nested paging only. APM2 15.5.1, 15.5.2, 15.25.4.

#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/msr.hpp"

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Feature;

/// MSRs of L2 that the VMCB holds: what RDMSR and WRMSR of L2 see.
struct MsrField {
    svm::FieldRef place;
    std::uint32_t number;
    std::vector<std::uint64_t> values;
};

/// What VMLOAD loads VMRUN leaves to L2, and what L2 makes of it #VMEXIT does not store.
void msrs(Catalogue& catalogue) {
    namespace msr = svm::msr;
    const std::vector<std::uint64_t> addresses{0, 0x7fff'ffff'ffff, 0xffff'8000'0000'0000,
                                               0x1234'5678'9abc};
    const std::vector<std::uint64_t> words{0, 0xffff'ffff, 0x8765'4321};
    const MsrField moved[] = {
        {field::star, msr::star, {0, ~std::uint64_t{0}, 0x1234'5678'9abc'def0}},
        {field::lstar, msr::lstar, addresses},
        {field::cstar, msr::cstar, addresses},
        {field::sfmask, msr::sfmask, words},
        {field::kernel_gs_base, msr::kernel_gs_base, addresses},
        {field::sysenter_cs, msr::sysenter_cs, {0, 0x10, 0xffff}},
        {field::sysenter_esp, msr::sysenter_esp, {0, 0xffff'ffff, 0x8765'4320}},
        {field::sysenter_eip, msr::sysenter_eip, {0, 0xffff'ffff, 0x8765'4320}},
        {field::fs_base, msr::fs_base, addresses},
        {field::gs_base, msr::gs_base, addresses},
    };
    for (const MsrField& one : moved) {
        for (const std::uint64_t value : one.values) {
            each_paging(L2Mode::long64, [&](const L2Start& start) {
                ExitExpectation seen = program_ends();
                seen.fields = {{field::rax, value & 0xffff'ffff}};
                seen.registers = {{Register::rdx, value >> 32}};
                const std::string name = "fields/" + name_of(one.place);
                add_guest_case(catalogue,
                               {.name = name + "/loaded_by_vmload/" + hex_name(value),
                                .title = "L2 sees what VMLOAD loaded; VMRUN does not touch it.",
                                .manual = "APM2 15.5.2",
                                .program = "rdmsr",
                                .steps = {vmcb_field(one.place, value),
                                          l2_register(Register::rcx, one.number)},
                                .exit = std::move(seen)},
                               start);
                ExitExpectation left = program_ends();
                left.fields = {{field::rax, value & 0xffff'ffff}};
                left.registers = {{Register::rdx, value >> 32}};
                // The program reads back what it wrote, so that the twin would notice.
                add_guest_case(
                    catalogue,
                    {.name = name + "/not_stored/" + hex_name(value),
                     .title = "L2 changes it, and #VMEXIT does not store that.",
                     .manual = "APM2 15.6",
                     .program = "wrmsr",
                     .steps = {vmcb_field(one.place, 0x10), l2_register(Register::rcx, one.number),
                               l2_register(Register::rax, value & 0xffff'ffff),
                               l2_register(Register::rdx, value >> 32)},
                     .exit = std::move(left)},
                    start);
            });
        }
    }
}

/// EFER bits that may be flipped while L2 runs on.
void extended_features(Catalogue& catalogue) {
    using namespace svm;
    struct EferBit {
        std::string_view name;
        std::uint64_t bits;
        svm::Features needs{};
    };
    const EferBit flipped[] = {
        {"sce", efer::sce, Feature::syscall},
        {"nxe", efer::nxe, Feature::nx},
        {"ffxsr", efer::ffxsr, Feature::ffxsr},
        {"tce", efer::tce, Feature::tce},
        {"mcommit", efer::mcommit, Feature::mcommit},
        {"intwb", efer::intwb, Feature::int_wbinvd},
        {"uaie", efer::uaie, Feature::upper_address_ignore},
        {"aibrse", efer::aibrse, Feature::automatic_ibrs},
    };
    for (const L2Mode mode : privileged_modes) {
        const std::uint64_t fresh = world::mode_registers(mode).efer;
        for (const EferBit& one : flipped) {
            const std::uint64_t value = fresh ^ one.bits;
            each_paging(mode, [&](const L2Start& start) {
                const std::string suffix =
                    std::string{one.name} + ((fresh & one.bits) != 0 ? "_clear" : "_set");
                ExitExpectation seen = program_ends();
                seen.fields = {{field::rax, value & 0xffff'ffff}};
                seen.registers = {{Register::rdx, value >> 32}};
                const std::string name = "fields/" + name_of(field::efer);
                add_guest_case(catalogue,
                               {.name = name + "/loaded/" + suffix,
                                .title = "L2 sees the value of the VMCB, and the exit stores it.",
                                .manual = "APM2 15.5.1",
                                .needs = one.needs,
                                .program = "rdmsr",
                                .steps = {vmcb_field(field::efer, value),
                                          l2_register(Register::rcx, svm::msr::efer)},
                                .exit = seen},
                               start);
                seen.fields.push_back({field::efer, value});
                add_guest_case(catalogue,
                               {.name = name + "/stored/" + suffix,
                                .title = "The exit stores what L2 wrote.",
                                .manual = "APM2 15.6",
                                .needs = one.needs,
                                .program = "wrmsr",
                                .steps = {l2_register(Register::rcx, svm::msr::efer),
                                          l2_register(Register::rax, value & 0xffff'ffff),
                                          l2_register(Register::rdx, value >> 32)},
                                .exit = std::move(seen)},
                               start);
            });
        }
    }
}

/// With nested paging L2 has a PAT of its own; without, it sees and writes L1's. APM2 15.25.4.
void page_attributes(Catalogue& catalogue) {
    constexpr std::uint64_t values[] = {0x0007'0406'0007'0406, 0x0606'0606'0606'0606,
                                        0x0001'0405'0607'0001, 0};
    const auto pat = [&](std::string_view what, std::string_view title, std::uint64_t value,
                         std::string_view program, std::vector<Step> steps,
                         std::vector<FieldExpectation> fields) {
        ExitExpectation exit = program_ends();
        exit.fields = std::move(fields);
        exit.fields.push_back({field::rax, value & 0xffff'ffff});
        exit.registers = {{Register::rdx, value >> 32}};
        steps.emplace_back(l2_register(Register::rcx, svm::msr::pat));
        // Put back behind the case, should L2's WRMSR have reached it.
        steps.emplace_back(L1Write{wire::L1Register::msr, svm::msr::pat, svm::pat_reset});
        add_guest_case(catalogue,
                       {.name = "fields/" + name_of(field::g_pat) + "/" + std::string{what} + "/" +
                                hex_name(value),
                        .title = title,
                        .manual = "APM2 15.25.4",
                        .needs = {Feature::np, Feature::pat},
                        .program = program,
                        .steps = std::move(steps),
                        .exit = std::move(exit)},
                       {L2Mode::long64, 0, true});
    };
    for (const std::uint64_t value : values) {
        pat("loaded", "L2 sees the PAT of the VMCB, and the exit stores it.", value, "rdmsr",
            {vmcb_field(field::g_pat, value)}, {});
        pat("stored", "The exit stores the PAT that L2 wrote.", value, "wrmsr",
            {l2_register(Register::rax, value & 0xffff'ffff),
             l2_register(Register::rdx, value >> 32)},
            {{field::g_pat, value}});
    }
    ExitExpectation shared = program_ends();
    shared.fields = {{field::rax, svm::pat_reset & 0xffff'ffff}};
    shared.registers = {{Register::rdx, svm::pat_reset >> 32}};
    add_guest_case(catalogue,
                   {.name = "fields/" + name_of(field::g_pat) + "/not_loaded/without_nested_paging",
                    .title = "Without nested paging L2 reads the PAT of L1.",
                    .manual = "APM2 15.25.4",
                    .needs = Feature::pat,
                    .program = "rdmsr",
                    .steps = {L1Write{wire::L1Register::msr, svm::msr::pat, svm::pat_reset},
                              vmcb_field(field::g_pat, 0x0606'0606'0606'0606),
                              l2_register(Register::rcx, svm::msr::pat)},
                    .exit = std::move(shared)},
                   {L2Mode::long64, 0, false});
}

/// Whose PAT L2 writes: with nested paging its own, without it L1's (spec: NPT-GPAT-WRMSR). Whether
/// the exit stores it without, nobody says. Entry 0, which all pages here use, stays write-back.
void written_page_attributes(Catalogue& catalogue) {
    constexpr std::uint64_t values[] = {0x0606'0606'0007'0606, 0x0001'0405'0001'0506};
    for (const std::uint64_t value : values) {
        each_paging(L2Mode::long64, [&](const L2Start& start) {
            const bool has_own = start.nested_paging;
            ExitExpectation exit = program_ends();
            exit.fields = {
                {field::rax, value & 0xffff'ffff},
                {field::g_pat, value, ~std::uint64_t{0}, has_own ? Match::equals : Match::free}};
            exit.registers = {{Register::rdx, value >> 32}};
            CallExpectation of_l1;
            of_l1.values = {{.value = has_own ? svm::pat_reset : value, .what = "PAT of L1"}};
            add_guest_case(
                catalogue,
                {.name = "fields/" + name_of(field::g_pat) + "/written_by_l2/" + hex_name(value),
                 .title = has_own ? "L2 writes its own PAT, not L1's."
                                  : "Without nested paging L2 writes L1's PAT.",
                 .manual = "APM2 15.25.2, 15.25.4",
                 .needs = Feature::pat,
                 .program = "wrmsr",
                 .steps = {L1Write{wire::L1Register::msr, svm::msr::pat, svm::pat_reset},
                           l2_register(Register::rcx, svm::msr::pat),
                           l2_register(Register::rax, value & 0xffff'ffff),
                           l2_register(Register::rdx, value >> 32)},
                 .exit = std::move(exit),
                 .then = {Call{"report_pat"}},
                 .then_expected = {of_l1}},
                start);
        });
    }
}

void msr_values(Catalogue& catalogue) {
    msrs(catalogue);
    extended_features(catalogue);
    page_attributes(catalogue);
    written_page_attributes(catalogue);
}

const Registration registration{msr_values};

} // namespace
} // namespace vmrunit::cases
