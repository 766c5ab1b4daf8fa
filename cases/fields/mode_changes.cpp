// SPDX-License-Identifier: GPL-2.0-only
// L2 leaves the mode it began in: paging, protection, long mode and the format of its tables. All
// of its memory is mapped one to one and its segments stay as they are, so the program goes on,
// and the exit stores the registers of the new mode. APM2 14.6, 15.6.

#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/msr.hpp"
#include "harness/world.hpp"

#include <string>
#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Feature;

struct Row {
    std::string name; ///< Behind "fields/".
    std::string_view title;
    std::string_view program;
    std::vector<Step> steps;
    std::vector<FieldExpectation> stored;
    svm::Features needs{};
};

class ModeChanges {
public:
    explicit ModeChanges(Catalogue& catalogue) : catalogue_(catalogue) {}

    void add(L2Mode mode, const Row& row,
             const std::source_location& where = std::source_location::current()) {
        each_paging(mode, [&](const L2Start& start) {
            ExitExpectation exit = program_ends();
            exit.fields = row.stored;
            add_guest_case(catalogue_,
                           {.name = "fields/" + row.name,
                            .title = row.title,
                            .manual = "APM2 15.6",
                            .needs = row.needs,
                            .program = row.program,
                            .steps = row.steps,
                            .exit = std::move(exit)},
                           start, where);
        });
    }

private:
    Catalogue& catalogue_;
};

Step moves(std::uint64_t value) {
    return l2_register(Register::rbx, value);
}

void paging(ModeChanges& changes) {
    for (const L2Mode mode : {L2Mode::pae, L2Mode::prot32}) {
        const std::uint64_t without = world::mode_registers(mode).cr0 & ~svm::cr0::pg;
        changes.add(mode, {.name = "save_cr0/stored/pg_clear",
                           .title = "L2 goes on without paging.",
                           .program = "write_cr0",
                           .steps = {moves(without)},
                           .stored = {{field::cr0, without}}});
    }
    const std::uint64_t with = world::mode_registers(L2Mode::prot32).cr0;
    changes.add(L2Mode::prot32,
                {.name = "save_cr0/stored/pg_set",
                 .title = "L2 begins to page.",
                 .program = "write_cr0",
                 .steps = {vmcb_field(field::cr0, with & ~svm::cr0::pg), moves(with)},
                 .stored = {{field::cr0, with}}});
}

/// The segments are still those of the other mode, which no instruction has loaded anew. Of what
/// CS is in real mode see the frame rule.
void protection(ModeChanges& changes) {
    const std::uint64_t real =
        world::mode_registers(L2Mode::prot32).cr0 & ~(svm::cr0::pg | svm::cr0::pe);
    changes.add(
        L2Mode::prot32,
        {.name = "save_cr0/stored/pe_clear",
         .title = "L2 goes on in real mode.",
         .program = "write_cr0",
         .steps = {moves(real)},
         .stored = {{field::cr0, real},
                    {field::cs_attributes, {}, svm::SegmentAttributes::type.mask(), Match::free}}});
    const std::uint64_t protected_mode = world::mode_registers(L2Mode::real).cr0 | svm::cr0::pe;
    changes.add(L2Mode::real, {.name = "save_cr0/stored/pe_set",
                               .title = "L2 goes on in protected mode.",
                               .program = "write_cr0",
                               .steps = {moves(protected_mode)},
                               .stored = {{field::cr0, protected_mode}}});
}

/// While L2 does not page, so that nobody walks tables of the other format.
void table_formats(ModeChanges& changes) {
    struct Bit {
        std::string_view name;
        std::uint64_t bit;
        svm::Features needs{};
    };
    const Bit bits[] = {
        {"pae", svm::cr4::pae}, {"pse", svm::cr4::pse}, {"la57", svm::cr4::la57, Feature::la57}};
    for (const L2Mode mode : {L2Mode::pae, L2Mode::prot32}) {
        const world::ModeRegisters fresh = world::mode_registers(mode);
        for (const Bit& one : bits) {
            const std::uint64_t other = fresh.cr4 ^ one.bit;
            changes.add(mode, {.name = "save_cr4/stored/" + std::string{one.name} +
                                       ((fresh.cr4 & one.bit) != 0 ? "_clear" : "_set"),
                               .title = "The exit stores what L2 wrote while it did not page.",
                               .program = "write_cr4",
                               .steps = {vmcb_clear(field::cr0, svm::cr0::pg), moves(other)},
                               .stored = {{field::cr4, other}},
                               .needs = one.needs});
        }
    }
}

/// LME can be written only while L2 does not page; LMA is the CPU's to set when paging begins, and
/// to clear when it ends.
void long_mode(ModeChanges& changes) {
    using namespace svm;
    const std::uint64_t legacy = world::mode_registers(L2Mode::pae).efer;
    for (const bool sets : {true, false}) {
        const std::uint64_t before = sets ? legacy : legacy | efer::lme;
        const std::uint64_t after = before ^ efer::lme;
        changes.add(L2Mode::pae,
                    {.name = std::string{"save_efer/stored/"} + (sets ? "lme_set" : "lme_clear"),
                     .title = "The exit stores the LME that L2 wrote.",
                     .program = "wrmsr",
                     .steps = {vmcb_clear(field::cr0, cr0::pg), vmcb_field(field::efer, before),
                               l2_register(Register::rcx, msr::efer),
                               l2_register(Register::rax, after), l2_register(Register::rdx, 0)},
                     .stored = {{field::efer, after}, {field::rax, after}}});
    }
    const world::ModeRegisters compat = world::mode_registers(L2Mode::compat);
    changes.add(L2Mode::compat, {.name = "save_efer/stored/lma_clear",
                                 .title = "L2 ends paging, and with it long mode.",
                                 .program = "write_cr0",
                                 .steps = {moves(compat.cr0 & ~cr0::pg)},
                                 .stored = {{field::cr0, compat.cr0 & ~cr0::pg},
                                            {field::efer, compat.efer & ~efer::lma}}});
    changes.add(L2Mode::compat, {.name = "save_efer/stored/lma_set",
                                 .title = "L2 begins to page, and with it enters long mode.",
                                 .program = "write_cr0",
                                 .steps = {vmcb_clear(field::cr0, cr0::pg),
                                           vmcb_clear(field::efer, efer::lma), moves(compat.cr0)},
                                 .stored = {{field::cr0, compat.cr0}, {field::efer, compat.efer}}});
}

void mode_changes(Catalogue& catalogue) {
    ModeChanges changes{catalogue};
    paging(changes);
    protection(changes);
    table_formats(changes);
    long_mode(changes);
}

const Registration registration{mode_changes};

} // namespace
} // namespace vmrunit::cases
