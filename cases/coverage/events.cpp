// SPDX-License-Identifier: GPL-2.0-only
// Coverage of injected events and of those that an exit finds under way: what the two words hold
// follows from the writes and expectations of a case, how an event is delivered from its rows.
// Which events VMRUN refuses are items of the family `check`. APM2 15.7.2, 15.20.

#include "cases/coverage/family.hpp"
#include "cases/coverage/shown_by_rows.hpp"
#include "cases/model/vmruns.hpp"

#include "harness/svm/vmcb_fields.hpp"

#include <string>
#include <tuple>

namespace vmrunit::cases {
namespace {

using svm::EventInformation;

// clang-format off
constexpr RowItem items[] = {
    {"delivery/interrupt",            "any vector, whatever IF, V_TPR and the gate's DPL say", "15.20", "event/injected_interrupt/vector_* event/injected_interrupt/if_set"},
    {"delivery/interrupt_in_shadow",  "INTERRUPT_SHADOW does not hold an injected interrupt off", "15.20"},
    {"delivery/nmi",                  "vector 2, whatever the field says",                   "15.20", "event/injected_nmi"},
    {"delivery/nmi_sets_v_nmi_mask",  "with V_NMI_ENABLE an injected NMI sets V_NMI_MASK",   "15.21.10", "event/virtual_nmi/injected", svm::Feature::vnmi},
    {"delivery/fault",                "a fault returns to RIP",                              "15.20", "event/injected_exception/vector_0 event/injected_exception/vector_5 event/injected_exception/vector_6 event/injected_exception/vector_7"},
    {"delivery/error_code",           "EV pushes the error code of the field",               "15.20", "event/injected_exception/vector_*_error_*"},
    {"delivery/error_code_missing",   "without EV a vector that has an error code pushes none", "15.20", ""},
    {"delivery/error_code_too_much",  "with EV a vector that has none",                      "15.20", ""},
    {"delivery/error_code_of_no_exception", "with EV an interrupt, an NMI and INT n",           "15.20", ""},
    {"delivery/error_code_real_mode", "real mode pushes no error code",                      "15.20", ""},
    {"delivery/int3_into",            "vectors 3 and 4 as INT3 and INTO raise them",         "15.20", "event/injected_exception/vector_3 event/injected_exception/vector_4"},
    {"delivery/int3_into_gate_dpl",   "vectors 3 and 4 meet a gate whose DPL is too low",    "15.20", "event/injected_exception/vector_*_gate_dpl"},
    {"delivery/int3_into_next_rip",   "vectors 3 and 4 return to NEXT_RIP",                  "15.20", "event/injected_exception/vector_?/next_rip", svm::Feature::nrips},
    {"delivery/int_n_without_next_rip", "INT n of a CPU that has no NEXT_RIP",               "15.20", ""},
    {"delivery/int_n",                "INT n returns to NEXT_RIP",                           "15.20", "event/injected_int_n/next_rip", svm::Feature::nrips},
    {"delivery/int_n_gate_dpl",       "INT n at CPL 3 and a gate of DPL 0",                  "15.20", "event/injected_int_n/vector_*/cpl3/*"},
    {"delivery/icebp",                "what INT1 raised L1 does in its place",               "15.20", "event/after_cut_short/*/emulated/executed_int1"},
    {"delivery/resume_flag",          "RF that was set is pushed, and clear in the handler", "15.20", "event/injected_interrupt/rf_set event/injected_nmi/rf_set event/injected_exception/rf_set"},
    {"delivery/resume_flag_clear",    "RF of what is pushed, where it was clear",            "15.20", ""},
    {"delivery/resume_flag_int_n",    "RF of what an injected INT n pushes",                 "15.20", ""},
    {"delivery/pf_keeps_cr2",         "an injected #PF leaves CR2 to software",              "15.20", "event/injected_exception/vector_14_error_*"},
    {"delivery/db_keeps_dr6",         "an injected #DB leaves DR6 alone",                    "15.20", "event/injected_exception/vector_1"},
    {"order/before_first_instruction","the event comes before L2's first instruction",       "15.20", "event/injected_*"},
    {"order/before_virtual_interrupt","a virtual interrupt waits for the handler's IF",      "15.20", "event/virtual_interrupt/behind_injection"},
    {"intercept/own_not_looked_at",   "the intercept of the event itself is not looked at",  "15.20", "event/not_intercepted"},
    {"intercept/of_second_exception", "that of an exception on the way to the handler is",   "15.20", "event/cut_short/np event/cut_short/gp event/cut_short/pf"},
    {"intercept/low_vector_interrupt","an interrupt of a low vector is no exception",        "15.21", "event/not_intercepted/interrupt_6"},
    {"cut_short/keeps_event",         "EXITINTINFO is the event that was injected",          "15.7.2", "event/cut_short/np event/cut_short/gp event/cut_short/pf event/cut_short/npf"},
    {"cut_short/shutdown",            "an injection that nobody can deliver is a shutdown",  "15.20", "event/cut_short/shutdown"},
    {"exit_int_info/by_exception",    "an intercepted exception during delivery",            "15.7.2", "event/cut_short/np event/cut_short/gp event/cut_short/pf intercept/exception_np/gate_of_* intercept/exception_gp/gate_of_*"},
    {"exit_int_info/by_npf",          "a nested page fault during delivery",                 "15.7.2", "event/cut_short/npf event/cut_short/npf_stack event/cut_short/npf_walk"},
    {"exit_int_info/reinjected",      "in EVENTINJ it delivers the event after all, once",   "15.20", "event/after_cut_short/*/reinjected"},
    {"exit_int_info/dropped",         "without that the event has never been",               "15.20", "event/after_cut_short/*/dropped"},
    {"exit_int_info/by_task_switch",  "a task switch through a gate",                        "15.7.2", "intercept/task_switch/gate_of_* event/cut_short/task_switch"},
    {"exit_int_info/merged",          "exceptions that merged into #DF before the one that exits", "15.7.2", "event/cut_short/*/merged_df"},
    {"exit_int_info/second_before_df","own intercept first, then the merging into #DF",      "15.12", "intercept/exception_np/gate_of_gp_df_too"},
    {"exit_int_info/df_itself",       "an exit by #DF has no event under way",               "15.7.2", "intercept/exception_df/contributory/taken intercept/exception_df/page_fault/taken intercept/exception_df/no_gate/taken"},
    {"exit_int_info/clear_otherwise", "V is clear once the event is delivered",              "15.7.2", "event/injected_interrupt/vector_64"},
    {"exit_int_info/hardware_interrupt", "an interrupt of the machine has type 0",           "15.7.2", "event/cut_short/np/physical_interrupt event/cut_short/task_switch/physical_interrupt"},
    {"exit_int_info/virtual_interrupt","a virtual interrupt has type 0",                     "15.7.2", "event/cut_short/*/virtual_interrupt"},
    {"exit_int_info/int3_into_int1",  "INT3, INTO and INT1 have type 3",                     "15.7.2", "event/cut_short/*/executed_int3 event/cut_short/*/executed_into event/cut_short/*/executed_int1"},
    {"exit_int_info/reserved_bits",   "what the reserved bits and an error code without EV hold", "15.7.2", ""},
    {"exit_int_info/virtual_nmi",     "a virtual NMI has type 2 and leaves V_NMI_MASK clear","15.21.10", "event/virtual_nmi/cut_short", svm::Feature::vnmi},
    {"exit_int_info/refused",         "what it holds after VMEXIT_INVALID",                  "15.7.2", ""},
};
// clang-format on

std::string word_id(std::string_view word, std::string_view part) {
    return "event/" + std::string{word} + "/" + std::string{part};
}

/// The parts of a word of this layout that hold something: "eventinj/type_3".
void parts_of(EventInformation event, std::string_view word, const CoveredSink& covered) {
    if (!event.test(EventInformation::valid)) {
        return;
    }
    const std::uint64_t type = event.get(EventInformation::type);
    covered(word_id(word, "valid"));
    covered(word_id(word, "vector"));
    if (type == 0 || (type >= 2 && type <= 4)) {
        covered(word_id(word, "type_" + std::to_string(type)));
    }
    if (event.test(EventInformation::error_code_valid)) {
        covered(word_id(word, "error_code_valid"));
        if (event.get(EventInformation::error_code) != 0) {
            covered(word_id(word, "error_code"));
        }
    }
}

void covered_by(const Case& one, const CoveredSink& covered) {
    covered_by_rows("event", items, one, covered);
    each_vmrun(one, [&](const Vmrun& run) {
        const ExitExpectation* exit = run.exit();
        if (exit == nullptr || exit->exit_code == svm::ExitCode::invalid) {
            return;
        }
        parts_of(run.before.control.event_injection, "eventinj", covered);
        if (run.before.control.event_injection.test(EventInformation::valid)) {
            covered(word_id("eventinj", "cleared"));
        }
        for (const FieldExpectation& field : exit->fields) {
            if (field.field == svm::field::exit_int_info && field.match == Match::equals) {
                parts_of(EventInformation::of(field.value.number & field.mask), "exit_int_info",
                         covered);
            }
        }
    });
}

struct WordPart {
    std::string_view name;
    std::string_view title;
    EventInformation::Range bits;
};

CoverageFamily events() {
    CoverageFamily family{"event", "Events, injected and under way", {}, covered_by};
    constexpr WordPart parts[] = {
        {"vector", "the vector", EventInformation::vector},
        {"type_0", "type 0, an interrupt", EventInformation::type},
        {"type_2", "type 2, an NMI", EventInformation::type},
        {"type_3", "type 3, an exception", EventInformation::type},
        {"type_4", "type 4, INT n", EventInformation::type},
        {"error_code_valid", "EV", EventInformation::error_code_valid},
        {"valid", "V", EventInformation::valid},
        {"error_code", "the error code", EventInformation::error_code},
    };
    for (const auto& [word, title, manual] :
         {std::tuple{"eventinj", "EVENTINJ", "APM2 15.20"},
          std::tuple{"exit_int_info", "EXITINTINFO", "APM2 15.7.2"}}) {
        for (const WordPart& part : parts) {
            family.items.push_back({word_id(word, part.name),
                                    std::string{title} + ": " + std::string{part.title},
                                    manual,
                                    title,
                                    part.bits.low,
                                    {},
                                    part.bits.count});
        }
    }
    family.items.push_back({word_id("eventinj", "cleared"), "EVENTINJ: V is clear after an exit",
                            "APM2 15.20", "EVENTINJ", EventInformation::valid.low});
    add_items(family, items);
    return family;
}

const FamilyRegistration registration{events};

} // namespace
} // namespace vmrunit::cases
