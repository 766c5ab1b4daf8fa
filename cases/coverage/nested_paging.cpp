// SPDX-License-Identifier: GPL-2.0-only
// Coverage of nested paging. What EXITINFO1 can say bit by bit are items of `exit_info`; here are
// the whole words that a cause leads to, and the rules of the walk. APM2 15.25.

#include "cases/coverage/family.hpp"
#include "cases/coverage/shown_by_rows.hpp"

#include "harness/svm/vmcb_fields.hpp"

#include <cstdint>
#include <string>

namespace vmrunit::cases {
namespace {

using svm::Feature;

/// A nested page fault that some case expects with exactly this EXITINFO1.
struct Fault {
    std::string_view id;
    std::string_view title;
    std::uint64_t exit_info_1;
};

// clang-format off
constexpr Fault faults[] = {
    {"fault/read_absent",        "a read, and the entry is not present",            0x1'0000'0004},
    {"fault/write_absent",       "a write, and the entry is not present",           0x1'0000'0006},
    {"fault/fetch_absent",       "a fetch, and the entry is not present",           0x1'0000'0014},
    {"fault/write_read_only",    "a write, and the entry is read-only",             0x1'0000'0007},
    {"fault/read_supervisor",    "a read, and the entry is the supervisor's",       0x1'0000'0005},
    {"fault/fetch_no_execute",   "a fetch, and the entry cannot be executed",       0x1'0000'0015},
    {"fault/read_reserved",      "a read, and the entry has a reserved bit",        0x1'0000'000d},
    {"fault/fetch_reserved",     "a fetch, and the entry has a reserved bit",       0x1'0000'001d},
    {"fault/walk_absent",        "a page of L2's tables that is not present",       0x2'0000'0006},
    {"fault/walk_read_only",     "a page of L2's tables that is read-only",         0x2'0000'0007},
    {"fault/walk_reserved",      "a reserved bit on the way to L2's tables",        0x2'0000'000f},
};

constexpr RowItem items[] = {
    {"report/address",           "EXITINFO2 is the guest physical address with its low bits", "15.25.6", "npt/leaf_* npt/pd npt/pdpt npt/pml4"},
    {"report/address_of_walk",   "EXITINFO2 is the address of L2's own entry",          "15.25.6", "npt/walk_root/absent npt/walk_second/absent"},
    {"report/bit_5",             "bit 5 is not defined here",                           "15.25.6"},
    {"report/bytes_of_data",     "a data fault stores the bytes of the instruction",    "15.8.4", "", Feature::decode_assists},
    {"report/fewer_bytes",       "fewer where no more can be fetched",                  "15.8.4", "npt/instruction_bytes/next_absent npt/instruction_bytes/next_absent_nested", Feature::decode_assists},
    {"report/no_bytes_of_fetch", "a fetch stores none",                                 "15.8.4", "", Feature::decode_assists},
    {"walk/as_user_write",       "L2's tables are accessed as by a user's write",       "15.25.5", "npt/walk_root/read_only npt/walk_root/supervisor npt/walk_second/read_only npt/walk_second/supervisor npt/walk_pdpt/read_only npt/walk_pd/read_only npt/walk_pt/read_only npt/walk_pt/supervisor"},
    {"walk/not_a_fetch",         "L2's tables need not be executable",                  "15.25.5", "npt/walk_root/no_execute npt/walk_second/no_execute npt/walk_p*/no_execute"},
    {"walk/final_as_user",       "the final access is a user's at any CPL",             "15.25.5", "npt/leaf_4k/supervisor/*/cpl0/* npt/leaf_4k/sound/*/cpl3/*"},
    {"walk/level_by_level",      "each table of L2 is asked for before L2's entry in it is judged", "15.25.6", "npt/walk_second npt/walk_pd npt/walk_pt npt/order/pd/nested_fault_first npt/order/pt/nested_fault_first"},
    {"walk/absent_above",        "what L2's entry cannot lead to is not asked for",     "15.25.6", "npt/order/*/guest_absent_above npt/order/*/guest_reserved_above"},
    {"walk/permissions_last",    "what L2's entries permit counts when all are found",  "15.25.6", "npt/order/*/guest_permission_later"},
    {"walk/guest_first",         "L2's own #PF comes before the fault of the final address", "15.25.6", "npt/order/guest_fault_first npt/order/guest_permission_first"},
    {"walk/accessed_dirty",      "A and D of the nested entries",                       "15.25.5", "npt/accessed_dirty/read npt/accessed_dirty/write"},
    {"walk/accessed_above",      "A of the nested entries above the last level",        "15.25.5", "npt/accessed_dirty/pd_*/l1_long64 npt/accessed_dirty/pd_*/l1_legacy npt/accessed_dirty/pdpt_* npt/accessed_dirty/pml4_*"},
    {"walk/accessed_dirty_large","A and D of nested entries of large pages",            "15.25.5", "npt/accessed_dirty/leaf_2m_* npt/accessed_dirty/leaf_1g_* npt/accessed_dirty/leaf_4m_*"},
    {"walk/marks_cleared",       "A and D that L1 has cleared are set anew",            "15.25.5", "npt/changed/*/accessed_cleared_* npt/changed/*/dirty_cleared_*"},
    {"walk/dirty_by_walk",       "a walk sets D of the page that L2's table lies in",   "15.25.5", "npt/accessed_dirty/walk"},
    {"walk/guest_accessed_dirty","A and D of L2's own entries are set through the nested ones", "15.25.5", "npt/guest_accessed_dirty"},
    {"mode/levels",              "each level of the tables of a 64-bit L1",             "15.25.3", "npt/leaf_4k/sound npt/leaf_2m/sound npt/leaf_1g/sound npt/pml4/sound"},
    {"mode/legacy_l1",           "the tables of a 32-bit L1, legacy or PAE",            "15.25.3"},
    {"mode/levels_of_pae",       "each level of the tables of a PAE L1",                "15.25.3", "npt/leaf_4k/sound/*/l1_pae npt/leaf_2m/sound/*/l1_pae npt/pd/absent/*/l1_pae npt/pdpt/absent/*/l1_pae"},
    {"mode/levels_of_legacy",    "each level of 2-level tables",                        "15.25.3", "npt/leaf_4k/sound/*/l1_legacy npt/leaf_4m/sound/*/l1_legacy npt/pd/absent/*/l1_legacy"},
    {"mode/five_levels",         "five levels, where L1 has CR4.LA57",                  "15.25.3", "npt/host_mode/five_levels", Feature::la57},
    {"mode/host_wp",             "CR0.WP of L1 does not count",                         "15.25.7", "npt/host_mode/wp_clear/*"},
    {"mode/guest_wp",            "CR0.WP of L2 is about L2's own tables",               "15.25.7", "npt/*/read_only/write_wp_clear"},
    {"mode/nx_of_l1",            "EFER.NXE of L1 makes NX count in nested entries",     "15.25.7", "npt/leaf_4k/no_execute/fetch"},
    {"mode/nx_of_l1_clear",      "without it the bit is reserved",                      "15.25.7", "npt/host_mode/nxe_clear/*"},
    {"mode/nx_clear_levels",     "on each level, and for walks of L2's tables",         "15.25.7", "npt/host_mode/nxe_clear/leaf_2m/* npt/host_mode/nxe_clear/leaf_1g/* npt/host_mode/nxe_clear/pd/* npt/host_mode/nxe_clear/pdpt/* npt/host_mode/nxe_clear/pml4/* npt/host_mode/nxe_clear/walk"},
    {"mode/nx_clear_of_pae_l1",  "so it is in the tables of a PAE L1",                  "15.25.7", "npt/host_mode/nxe_clear/*/l1_pae"},
    {"mode/fetch_told_apart",    "a fetch is told apart by EFER.NXE or SMEP of L1, with two levels of tables, too", "15.25.6", "npt/host_mode/nxe_clear/absent npt/host_mode/smep/absent"},
    {"mode/bad_nested_pdpte",    "reserved bits of the PDPTEs of a PAE L1's nested tables", "15.25.10"},
    {"mode/nx_of_l2",            "EFER.NXE of L2 is about L2's own tables",             "15.25.7", "npt/leaf_4k/no_execute/fetch/l2_prot32* npt/host_mode/nxe_clear/own_no_execute/*"},
    {"mode/host_smep",           "SMEP, SMAP and PKE of L1 permit and refuse nothing",  "15.25.7", "npt/host_mode/smep/* npt/host_mode/smap/* npt/host_mode/pke/*"},
    {"mode/guest_smep",          "SMEP, SMAP and WP of L2 permit and refuse nothing in nested entries", "15.25.7", "npt/guest_mode/smep/* npt/guest_mode/smap/* npt/guest_mode/wp_clear/*"},
    {"mode/guest_nxe",           "nor does its EFER.NXE",                               "15.25.7", "npt/guest_mode/nxe_clear/*"},
    {"mode/combined",            "an entry that lacks two permissions lacks each of them", "15.25.5", "npt/*/supervisor_read_only npt/*/no_execute_supervisor npt/*/no_execute_read_only"},
    {"mode/reserved_of_pae",     "bits 62:52 of the entries of a PAE L1 are reserved",  "15.25.3", "npt/leaf_4k/reserved_5?/read/*/l1_pae npt/pd/reserved_61/read/*/l1_pae"},
    {"mode/reserved_address",    "address bits that no physical address of the CPU has are reserved", "15.25.3", "npt/address_bits/leaf_4k npt/address_bits/leaf_2m npt/address_bits/leaf_1g npt/address_bits/pd npt/address_bits/pdpt npt/address_bits/pml4 npt/address_bits/*/l1_pae"},
    {"mode/reserved_of_pml4",    "bits 8 and 7 of a PML4 entry are reserved",           "15.25.3", "npt/pml4/reserved_7 npt/pml4/reserved_8"},
    {"mode/ignored",             "bits that mean nothing to the walk, one by one",      "15.25.3", "npt/leaf_4k/ignored_* npt/leaf_2m/ignored_* npt/leaf_1g/ignored_* npt/leaf_4m/ignored_* npt/pd/ignored_* npt/pdpt/ignored_* npt/pml4/ignored_*"},
    {"mode/global",              "G is L2's own bit",                                   "15.25.7"},
    {"mode/l2_without_paging",   "with CR0.PG clear the nested tables still translate", "15.25.5", "npt/unpaged/*/l2_real/*"},
    {"mode/pae_pdptes",          "the PDPTEs of PAE are read by each walk",             "15.25.10", "consistency/pdpte/entered/nested_entry_*"},
    {"mode/pae_bad_pdpte",       "a PDPTE with a reserved bit is a fault of the walk",  "15.25.10", "npt/bad_pdpte/*"},
    {"mode/n_cr3_low_bits",      "N_CR3[4:0] of a PAE L1 are ignored",                  "15.25.3", "npt/n_cr3/low_bit_*/l1_pae"},
    {"mode/page_sizes",          "L2's page and the nested one differ in size",         "15.25.9", "npt/leaf_4k/sound/*/l2_prot32* npt/leaf_1g/sound/*/l2_prot32* npt/leaf_2m/sound/*/l2_prot32*"},
    {"mode/a20",                 "A20 masks no guest physical address",                 "15.25.11"},
    {"mode/cr2",                 "CR2 of L2 and L1's are one register",                 "15.25.2", "fields/save_cr2/loaded"},
    {"g_pat/loaded",             "L2 has the PAT of the VMCB",                          "15.25.4", "fields/save_g_pat/loaded", Feature::pat},
    {"g_pat/written_by_l2",      "WRMSR in L2 changes that PAT",                        "15.25.4", "fields/save_g_pat/stored", Feature::pat},
    {"g_pat/stored",             "#VMEXIT stores it",                                   "15.25.4", "fields/save_g_pat/stored", Feature::pat},
    {"g_pat/shared_without_np",  "without nested paging L2 has L1's PAT",               "15.25.4", "fields/save_g_pat/not_loaded", Feature::pat},
    {"g_pat/written_without_np", "without nested paging WRMSR in L2 changes L1's PAT",  "15.25.2", "fields/save_g_pat/written_by_l2/*/np0/*", Feature::pat},
    {"g_pat/l1_keeps_its_own",   "with nested paging WRMSR in L2 leaves L1's PAT alone", "15.25.2", "fields/save_g_pat/written_by_l2/*/np1/*", Feature::pat},
    {"g_pat/bad_type",           "a type that does not exist is refused",               "15.25.4", "consistency/g_pat/entry_*"},
    {"g_pat/combined",           "the memory type is that of L2's PAT and L1's together", "15.25.8", "", Feature::pat},
    {"gmet",                     "guest-mode execute trap",                             "15.25.13", "npt/gmet/supervisor_fetch npt/gmet/user_fetch npt/gmet/*/user_page", Feature::gmet},
    {"gmet_supervisor_page",     "with it the supervisor's pages are executed at any CPL", "15.25.13", "npt/gmet/*/supervisor_page", Feature::gmet},
    {"gmet_no_execute",          "NX is asked as ever",                                 "15.25.13", "npt/gmet/*/no_execute npt/gmet/*/no_execute_supervisor", Feature::gmet},
    {"gmet_disabled",            "a CPU that has it, with the bit clear",               "15.25.13", "npt/gmet/*/disabled_*", Feature::gmet},
    {"supervisor_shadow_stack",  "supervisor shadow-stack pages",                       "15.25.14", "", Feature::sss_check},
    {"read_only_tables",         "walks of L2's tables that write only A and D",        "15.25", "npt/read_only_tables/accessed npt/read_only_tables/not_accessed", Feature::rogpt},
    {"page_modification_log",    "page modification logging",                           "15.25", "npt/modification_log/full npt/modification_log/logged", Feature::pml},
    {"tlb/flush_all",            "TLB_CONTROL 1 after an entry lost a permission",      "15.16", "npt/changed/*_flush_all"},
    {"tlb/flush_asid",           "TLB_CONTROL 3 after an entry lost a permission",      "15.16", "npt/changed/*_flush_asid", Feature::flush_by_asid},
    {"tlb/flush_not_global",     "TLB_CONTROL 7, where no page is global",              "15.16", "npt/changed/*_flush_not_global", Feature::flush_by_asid},
    {"tlb/levels",               "after an entry of any level or page size has changed", "15.16", "npt/changed/leaf_2m/*_flush_all npt/changed/leaf_1g/*_flush_all npt/changed/leaf_4m/*_flush_all npt/changed/pd/*_flush_all npt/changed/pdpt/*_flush_all npt/changed/pml4/*_flush_all"},
    {"tlb/other_page",           "after an entry of any level was led to another page", "15.16", "npt/changed/leaf_4k/other_page_* npt/changed/leaf_2m/other_page_* npt/changed/leaf_1g/other_page_* npt/changed/leaf_4m/other_page_* npt/changed/pd/other_page_* npt/changed/pdpt/other_page_* npt/changed/pml4/other_page_*"},
    {"tlb/no_execute",           "after an entry was made one that cannot be executed", "15.16", "npt/changed/*/no_execute_*"},
    {"tlb/given",                "an entry that gains a permission needs no flush",     "15.16", "npt/changed/present"},
    {"tlb/invlpga",              "INVLPGA takes a linear address, not a guest physical one", "15.16"},
};
// clang-format on

void covered_by(const Case& one, const CoveredSink& covered) {
    covered_by_rows("npt", items, one, covered);
    if (one.start.nested_paging && one.start.l1 != L1Mode::long64) {
        covered("npt/mode/legacy_l1");
    }
    for (const Expectation& expectation : one.expectations) {
        const auto* exit = std::get_if<ExitExpectation>(&expectation);
        if (exit == nullptr || exit->exit_code != svm::ExitCode::npf) {
            continue;
        }
        if (exit->instruction_bytes != InstructionBytes::unsaid) {
            covered(exit->instruction_bytes == InstructionBytes::none
                        ? "npt/report/no_bytes_of_fetch"
                        : "npt/report/bytes_of_data");
        }
        for (const FieldExpectation& field : exit->fields) {
            for (const Fault& fault : faults) {
                if (field.field == svm::field::exit_info_1 && field.match == Match::equals &&
                    field.value == Value{fault.exit_info_1}) {
                    covered("npt/" + std::string{fault.id});
                }
            }
        }
    }
}

CoverageFamily nested_paging() {
    CoverageFamily family{"npt", "Nested paging", {}, covered_by};
    for (const Fault& fault : faults) {
        family.items.push_back({"npt/" + std::string{fault.id},
                                std::string{fault.title},
                                "APM2 15.25.6",
                                {},
                                0,
                                Feature::np});
    }
    add_items(family, items);
    return family;
}

const FamilyRegistration registration{nested_paging};

} // namespace
} // namespace vmrunit::cases
