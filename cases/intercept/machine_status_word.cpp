// SPDX-License-Identifier: GPL-2.0-only
// CLTS, LMSW and SMSW, and what the selective intercept of CR0 writes covers. APM2 15.8.1, 15.9.

#include "cases/intercept/exception_row.hpp"
#include "cases/intercept/register_access.hpp"

#include "harness/svm/cpu.hpp"

#include <string>

namespace vmrunit::cases {
namespace {

namespace cr0 = svm::cr0;
namespace cr4 = svm::cr4;
namespace field = svm::field;
using svm::Feature;
using svm::Intercept;

constexpr Delivery general_protection{.vector = 13, .error_code = 0};
constexpr std::string_view manual = "APM2 15.9";

// clang-format off

void clts_lmsw_smsw(InstructionTable& table) {
    const Step task_switched = vmcb_set(field::cr0, cr0::ts);
    table.row({.subject = "cr0_write", .variant = "clts", .program = "clts",
               .intercept = Intercept::cr0_write, .manual = manual, .cpl3 = AtCpl3::gp_first,
               .page_end = PageEnd::within,
               .setup = {task_switched},
               .taken_fields = {moves_no_control()},
               .executed = {.fields = {{field::cr0, fresh_cr0}}}});
    // LMSW loads the four lowest bits, but cannot clear PE.
    table.row({.subject = "cr0_write", .variant = "lmsw", .program = "lmsw",
               .intercept = Intercept::cr0_write, .manual = manual, .modes = loads_cr0,
               .cpl3 = AtCpl3::gp_first,
               .page_end = PageEnd::within,
               .setup = {l2_register(Register::rbx, cr0::ts)},
               .taken_fields = {moves_no_control()},
               .executed = {.fields = {{field::cr0, (fresh_cr0 & ~cr0::mp) | cr0::ts}}},
               .also_meets = {Intercept::cr0_sel_write}});
    table.row({.subject = "cr0_read", .variant = "smsw", .program = "smsw",
               .intercept = Intercept::cr0_read, .manual = manual, .cpl3 = AtCpl3::same,
               .page_end = PageEnd::within,
               .taken_fields = {moves_no_control()},
               .executed = {.registers = {{Register::rbx, fresh_cr0}}}});
    // Into 16 bits, beside which the rest of the register stays, and into 64.
    table.row({.subject = "cr0_read", .variant = "smsw_16", .program = "smsw_16",
               .intercept = Intercept::cr0_read, .manual = manual, .cpl3 = AtCpl3::same,
               .taken_fields = {moves_no_control()},
               .executed = {.registers = {{Register::rbx, fresh_cr0, 0xffff}}}});
    table.row({.subject = "cr0_read", .variant = "smsw_64", .program = "smsw_64",
               .intercept = Intercept::cr0_read, .manual = manual, .modes = only_long64,
               .cpl3 = AtCpl3::same,
               .taken_fields = {moves_no_control()},
               .executed = {.registers = {{Register::rbx, fresh_cr0}}}});
    table.row({.subject = "cr0_read", .variant = "smsw_umip", .program = "smsw",
               .intercept = Intercept::cr0_read, .manual = manual, .needs = Feature::umip,
               .cpl3 = AtCpl3::only, .setup = {vmcb_set(field::cr4, cr4::umip)},
               .reach = Reach::exception_first, .raises = general_protection});

    table.row({.subject = "cr0_read", .variant = "smsw_memory", .program = "smsw_memory",
               .intercept = Intercept::cr0_read, .manual = manual, .cpl3 = AtCpl3::same,
               .page_end = PageEnd::within,
               .setup = {l2_register(Register::rdi, l2_data)},
               .taken_fields = {moves_no_control()},
               .executed = {.memory = {{Region::l2_memory, offsetof(L2Memory, data), 2,
                                        fresh_cr0 & 0xffff}}}});
    table.row({.subject = "cr0_write", .variant = "lmsw_memory", .program = "lmsw_memory",
               .intercept = Intercept::cr0_write, .manual = manual, .modes = loads_cr0,
               .cpl3 = AtCpl3::gp_first,
               .page_end = PageEnd::within,
               .setup = {l2_register(Register::rdi, l2_data),
                         l2_data_bytes(0, 2, (fresh_cr0 & cr0::pe) | cr0::ts)},
               .taken_fields = {moves_no_control()},
               .executed = {.fields = {{field::cr0, (fresh_cr0 & ~cr0::mp) | cr0::ts}}},
               .also_meets = {Intercept::cr0_sel_write}});
    // Sets EM: the emulators ask whether a bit beside TS and MP changes.
    table.row({.subject = "cr0_sel_write", .variant = "lmsw_memory", .program = "lmsw_memory",
               .intercept = Intercept::cr0_sel_write, .manual = manual, .modes = loads_cr0,
               .cpl3 = AtCpl3::gp_first,
               .setup = {l2_register(Register::rdi, l2_data),
                         l2_data_bytes(0, 2, (fresh_cr0 & cr0::pe) | cr0::mp | cr0::em)},
               .taken_fields = {moves_no_control()},
               .executed = {.fields = {{field::cr0, fresh_cr0 | cr0::em}}},
               .also_meets = {Intercept::cr0_write}});

    // The exit comes before the memory operand is looked at.
    struct Operand {
        std::string_view subject, variant, program;
        Intercept intercept;
        std::uint32_t page_fault; ///< Error code.
    };
    for (const Operand& row : {
             Operand{"cr0_read",  "smsw_bad_memory", "smsw_memory", Intercept::cr0_read,  2},
             Operand{"cr0_write", "lmsw_bad_memory", "lmsw_memory", Intercept::cr0_write, 0}}) {
        table.row({.subject = row.subject, .variant = row.variant, .program = row.program,
                   .intercept = row.intercept, .manual = manual, .modes = flat_modes,
                   .setup = join({l2_register(Register::rdi, spare_page)}, spare_page_absent()),
                   .taken_fields = {moves_no_control()},
                   .executed = {.fields = {{field::cr2, spare_page}}},
                   .raises = Delivery{.vector = 14, .error_code = row.page_fault},
                   .also_meets = {Intercept::exception_pf}});
        constexpr std::uint64_t last_of_segment = 0xffff;
        const std::string beyond = std::string{row.program} + "_beyond_segment";
        table.row({.subject = row.subject, .variant = beyond, .program = row.program,
                   .intercept = row.intercept, .manual = manual, .modes = real_modes | only_prot16,
                   .setup = {l2_register(Register::rdi, last_of_segment)},
                   .taken_fields = {moves_no_control()},
                   .raises = general_protection,
                   .also_meets = {Intercept::exception_gp}});
    }
}

/// CR0_SEL_WRITE: MOV that changes more than TS and MP, and every LMSW. APM2 15.9.
void selective(InstructionTable& table) {
    struct Written {
        std::string_view variant;
        Value value;
        bool covered;
        Modes modes = loads_cr0;
        std::vector<Step> setup{};
        std::vector<FieldExpectation> also{};
        AtCpl3 cpl3 = AtCpl3::not_run;
    };
    // Paging goes off where the code lies at the same address without it, and outside 64-bit mode.
    // ET reads as one whatever is written: whether writing zero counts as a change nobody says.
    constexpr Modes may_lose_pg = Modes{false, false, true, true} | only_prot16;
    constexpr Modes may_lose_pe = Modes{false, false, false, true} | only_prot16;
    const Step no_paging = vmcb_clear(field::cr0, cr0::pg);
    const Value unpaged_cr0 = fresh_cr0 & ~cr0::pg;
    // Real mode has no use for the type of CS, and what it reads as there nobody says.
    const FieldExpectation any_code_segment{field::cs_attributes, {}, ~std::uint64_t{0}, Match::free};
    const Step uncached = vmcb_set(field::cr0, cr0::cd);
    const Value uncached_cr0 = fresh_cr0 | cr0::cd;
    for (const Written& row : {
             Written{"change_am",       fresh_cr0 | cr0::am,                       true, loads_cr0, {}, {}, AtCpl3::gp_first},
             Written{"change_em",       fresh_cr0 | cr0::em,                       true},
             Written{"change_cd",       fresh_cr0 | cr0::cd,                       true},
             Written{"change_ne",       fresh_cr0 & ~cr0::ne,                      true},
             Written{"change_wp",       fresh_cr0 & ~cr0::wp,                      true},
             Written{"change_wp_ts",    (fresh_cr0 & ~cr0::wp) | cr0::ts,          true},
             Written{"change_cd_nw",    fresh_cr0 | cr0::cd | cr0::nw,             true},
             Written{"change_nw",       uncached_cr0 | cr0::nw,                    true, loads_cr0, {uncached}},
             Written{"change_pg",       unpaged_cr0,                               true, may_lose_pg},
             Written{"change_pe",       unpaged_cr0 & ~cr0::pe,                    true, may_lose_pe, {no_paging}, {any_code_segment}},
             Written{"set_pe",          fresh_cr0 | cr0::pe,                       true, only(L2Mode::real)},
             Written{"set_pg",          fresh_cr0 | cr0::pg,                       true, may_lose_pg, {no_paging}},
             Written{"change_ts",       fresh_cr0 | cr0::ts,                       false},
             Written{"change_mp",       fresh_cr0 & ~cr0::mp,                      false},
             Written{"change_ts_mp",    (fresh_cr0 & ~cr0::mp) | cr0::ts,          false},
             Written{"same_value",      fresh_cr0,                                 false}}) {
        Effect written{.fields = {{field::cr0, row.value}}};
        written.fields.insert(written.fields.end(), row.also.begin(), row.also.end());
        table.row({.subject = "cr0_sel_write", .variant = row.variant, .program = "write_cr0",
                   .intercept = Intercept::cr0_sel_write, .manual = manual, .modes = row.modes,
                   .cpl3 = row.cpl3,
                   .setup = join(row.setup, {l2_register(Register::rbx, row.value)}),
                   .reach = row.covered ? Reach::taken : Reach::not_covered,
                   .taken_fields = {moves_control(Register::rbx)},
                   .executed = written,
                   .also_meets = {Intercept::cr0_write}});
    }
    table.row({.subject = "cr0_sel_write", .variant = "r12", .program = "write_cr0_r12",
               .intercept = Intercept::cr0_sel_write, .manual = manual, .modes = only_long64,
               .setup = {l2_register(Register::r12, fresh_cr0 | cr0::am)},
               .taken_fields = {moves_control(Register::r12)},
               .executed = {.fields = {{field::cr0, fresh_cr0 | cr0::am}}},
               .also_meets = {Intercept::cr0_write}});
    // PE stays what it is, also where the operand has it clear.
    for (const bool selective : {true, false}) {
        table.row({.subject = selective ? "cr0_sel_write" : "cr0_write", .variant = "lmsw_clear_pe",
                   .program = "lmsw",
                   .intercept = selective ? Intercept::cr0_sel_write : Intercept::cr0_write,
                   .manual = manual, .modes = loads_cr0 & protected_modes,
                   .setup = {l2_register(Register::rbx, cr0::mp | cr0::ts)},
                   .taken_fields = {moves_no_control()},
                   .executed = {.fields = {{field::cr0, fresh_cr0 | cr0::ts}}},
                   .also_meets = {selective ? Intercept::cr0_write : Intercept::cr0_sel_write}});
    }
    // What LMSW loads exits, whatever changes (spec: SELCR0-LMSW).
    struct Loaded {
        std::string_view variant;
        std::uint64_t bits;
        AtCpl3 cpl3 = AtCpl3::not_run;
    };
    for (const Loaded& row : {Loaded{"lmsw_same_value", cr0::mp},
                              Loaded{"lmsw_mp",         0},
                              Loaded{"lmsw_ts",         cr0::mp | cr0::ts},
                              Loaded{"lmsw_em",         cr0::mp | cr0::em, AtCpl3::gp_first}}) {
        table.row({.subject = "cr0_sel_write", .variant = row.variant, .program = "lmsw",
                   .intercept = Intercept::cr0_sel_write, .manual = manual, .modes = loads_cr0,
                   .cpl3 = row.cpl3,
                   .setup = {l2_register(Register::rbx, (fresh_cr0 & cr0::pe) | row.bits)},
                   .taken_fields = {moves_no_control()},
                   .executed = {.fields = {{field::cr0, (fresh_cr0 & ~cr0::mp) | row.bits}}},
                   .also_meets = {Intercept::cr0_write}});
    }
    table.row({.subject = "cr0_sel_write", .variant = "clts", .program = "clts",
               .intercept = Intercept::cr0_sel_write, .manual = manual,
               .setup = {vmcb_set(field::cr0, cr0::ts)},
               .reach = Reach::not_covered,
               .executed = {.fields = {{field::cr0, fresh_cr0}}}});
    // Both bits set: CR0_WRITE wins.
    for (const std::string_view program : {"write_cr0", "lmsw"}) {
        table.row({.subject = "cr0_write",
                   .variant = program == "lmsw" ? "lmsw_and_selective" : "and_selective",
                   .program = program, .intercept = Intercept::cr0_write, .manual = manual,
                   .modes = loads_cr0,
                   .setup = {intercepting(Intercept::cr0_sel_write),
                             l2_register(Register::rbx, fresh_cr0 | cr0::am)},
                   .runs_without_intercept = false});
    }
}
// clang-format on

void machine_status_word(Catalogue& catalogue) {
    InstructionTable table{catalogue};
    clts_lmsw_smsw(table);
    selective(table);
}

const Registration registration{machine_status_word};

} // namespace
} // namespace vmrunit::cases
