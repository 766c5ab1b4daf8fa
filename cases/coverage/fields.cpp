// SPDX-License-Identifier: GPL-2.0-only
// Coverage of the fields of the VMCB, from the one field list: of each field, or of each named run
// of bits where it has any, what VMRUN and #VMEXIT do with it. What cases store and leave alone
// follows from their writes and expectations; that L2 has seen a value follows from the write and
// from the row (field_rows.hpp), because how it is seen differs from field to field.
//
// Bits that VMRUN refuses are items of the family `check`, and what the intercept bits do those of
// `intercept`. APM2 15.5, 15.6, appendix B.

#include "cases/coverage/family.hpp"
#include "cases/coverage/field_rows.hpp"
#include "cases/coverage/vmcb_leaves.hpp"
#include "cases/model/glob.hpp"
#include "cases/model/guest_case.hpp"
#include "cases/model/vmruns.hpp"

#include "harness/svm/exit_code.hpp"
#include "harness/svm/observed_attributes.hpp"
#include "harness/svm/vmcb_fields.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace vmrunit::cases {
namespace {

using svm::Field;
using svm::FieldKind;
using svm::OnExit;
using svm::OnVmrun;

struct Aspect {
    std::string_view name;
    std::string_view title;
    VmcbUse use;
    bool (*applies)(const Field& leaf);
};

bool is_reserved(const Field& leaf) {
    return leaf.kind == FieldKind::reserved;
}

/// Bits of a register that has no such bits: VMRUN refuses them, or nobody says what becomes of
/// them.
bool is_no_state(const Field& leaf) {
    const std::string_view run = leaf.name.substr(leaf.name.rfind('.') + 1);
    return leaf.kind == FieldKind::state &&
           std::ranges::any_of(
               std::array<std::string_view, 4>{"mbz_", "raz_", "ignored_", "reserved_"},
               [run](std::string_view prefix) { return run.starts_with(prefix); });
}

bool is_moved_by_vmload(const Field& leaf) {
    return leaf.moved_by_vmload && leaf.kind == FieldKind::state;
}

bool is_switched_on(const Field& leaf) {
    return leaf.gate.enable != svm::Enable::always &&
           leaf.gate.enable != svm::Enable::nested_paging;
}

// clang-format off
constexpr Aspect loaded    {"loaded",     "VMRUN loads it",                                    VmcbUse::loaded,
                            [](const Field& leaf) { return leaf.on_vmrun == OnVmrun::loaded && !is_no_state(leaf); }};
constexpr Aspect used      {"used",       "VMRUN acts upon it",                                VmcbUse::loaded,
                            [](const Field& leaf) { return leaf.on_vmrun == OnVmrun::used && leaf.kind != FieldKind::intercept; }};
constexpr Aspect ignored   {"ignored",    "what stands there before VMRUN has no influence",   VmcbUse::left_alone,
                            [](const Field& leaf) { return leaf.on_vmrun == OnVmrun::ignored && leaf.kind == FieldKind::exit; }};
constexpr Aspect stored    {"stored",     "#VMEXIT stores it",                                 VmcbUse::stored,
                            [](const Field& leaf) { return leaf.on_exit == OnExit::written && !is_reserved(leaf) && !is_no_state(leaf); }};
constexpr Aspect left_alone{"left_alone", "VMRUN and #VMEXIT leave the bytes as they are",     VmcbUse::left_alone,
                            [](const Field& leaf) { return leaf.on_exit == OnExit::unchanged; }};
constexpr Aspect disabled  {"disabled",   "while its enable bit is clear nobody touches it",   VmcbUse::left_alone, is_switched_on};
constexpr Aspect vmload    {"vmload",     "VMLOAD loads it",                                   VmcbUse::loaded,     is_moved_by_vmload};
constexpr Aspect vmsave    {"vmsave",     "VMSAVE stores it",                                  VmcbUse::stored,     is_moved_by_vmload};
constexpr Aspect not_loaded{"not_loaded", "VMRUN does not load it",                            VmcbUse::left_alone, is_moved_by_vmload};
constexpr Aspect not_stored{"not_stored", "#VMEXIT does not store what L2 made of it",         VmcbUse::left_alone, is_moved_by_vmload};
// clang-format on
constexpr std::array aspects{loaded,   used,   ignored, stored,     left_alone,
                             disabled, vmload, vmsave,  not_loaded, not_stored};

std::string id_of(const Field& leaf, const Aspect& aspect) {
    return "field/" + std::string{leaf.name} + "/" + std::string{aspect.name};
}

/// Bits of the leaf that the CPU need not keep of what it loads or L2 makes of it.
bool is_unobserved(const Field& leaf) {
    const std::uint64_t observed = svm::observed_bits(svm::find_field(leaf.offset)->ref());
    return (observed & leaf.mask()) == 0;
}

bool moves_state(const Aspect& aspect) {
    return aspect.name == loaded.name || aspect.name == stored.name || aspect.name == vmload.name ||
           aspect.name == vmsave.name;
}

/// What the row itself says of a leaf, in the field's own value.
struct Said {
    bool is_free = false; ///< It does not judge it.
    bool is_new = false;  ///< It wants another value than VMRUN began with.
};

Said said_of(const Leaf& leaf, const Vmrun& run, const L2Start& start) {
    Said said;
    const unsigned low = leaf.part->bit_lo;
    const std::uint64_t all = svm::low_bits(leaf.part->bit_count);
    const std::uint64_t observed = svm::observed_bits(leaf.word->ref()) >> low & all;
    for (const FieldExpectation& one : run.exit()->fields) {
        if (one.field.offset != leaf.word->offset || low >= 64) {
            continue;
        }
        const std::uint64_t judged = one.mask >> low & all;
        if (one.match == Match::free) {
            said.is_free = said.is_free || judged != 0;
            continue;
        }
        if (judged != all || !leaf.is_narrow()) {
            continue;
        }
        const std::uint64_t before = leaf.in(run.before);
        said.is_new = said.is_new || one.match == Match::changed ||
                      ((sample_of(one.value, start) >> low ^ before) & observed) != 0;
    }
    return said;
}

/// Only a word as a whole is loaded into a segment register and stored from it.
bool is_segment_attribute(const Leaf& leaf) {
    return leaf.word->name.ends_with(".attributes");
}

bool is_done(const ExitExpectation& exit) {
    return exit.exit_code != svm::ExitCode::invalid;
}

bool is_enabled(const Field& leaf, const svm::Vmcb& before) {
    using svm::LbrControl;
    const LbrControl control = before.control.lbr_control;
    switch (leaf.gate.enable) {
    case svm::Enable::lbr_virtualization:
        return control.test(LbrControl::lbr_virtualization_enable);
    case svm::Enable::pmc_virtualization:
        return control.test(LbrControl::pmc_virtualization_enable);
    case svm::Enable::ibs_virtualization:
        return control.test(LbrControl::ibs_virtualization_enable);
    default:
        return true;
    }
}

/// The row is one of those of field_rows.hpp, or one of the field's own in which L2 sees the value.
bool row_shows(std::span<const FieldRow> rows, const Field& leaf, const Case& one) {
    if (one.name.starts_with("fields/")) {
        const std::string own = "fields/" + name_of(*svm::find_field(leaf.offset));
        for (const std::string_view what : {"/loaded", "/used", "/decides", "/added"}) {
            if (one.name.starts_with(own + std::string{what})) {
                return true;
            }
        }
    }
    return std::ranges::any_of(rows, [&](const FieldRow& row) {
        return glob_matches(row.leaf, leaf.name) && row_matches(row.rows, one.name);
    });
}

class Rule {
public:
    Rule(const Case& one, const CoveredSink& covered) : one_(one), covered_(covered) {}

    void apply() {
        each_vmrun(one_, [this](const Vmrun& run) {
            written(run);
            if (run.exit() != nullptr && is_done(*run.exit())) {
                promised(run);
            }
            called(run);
        });
        seen_as_they_are();
        for (const InterceptUse& use : one_.intercepts) {
            if (use.kind == InterceptUse::Kind::taken || use.kind == InterceptUse::Kind::order) {
                const auto number = static_cast<unsigned>(use.intercept);
                shows(*svm::find_bit(number / 8, number % 8), left_alone);
            }
        }
    }

private:
    void shows(const Field& leaf, const Aspect& aspect) {
        if (aspect.applies(leaf) && !(moves_state(aspect) && is_unobserved(leaf))) {
            covered_(id_of(leaf, aspect));
        }
    }

    /// What the case gives another value than the usual one.
    void written(const Vmrun& run) {
        const ExitExpectation* exit = run.exit();
        each_difference(run.before, run.fresh, [&](const Leaf& leaf) {
            const Field& part = *leaf.part;
            if (row_shows(field_rows::loaded, part, one_)) {
                shows(part, loaded);
                shows(part, used);
                shows(part, vmload);
            }
            if (exit == nullptr || !is_done(*exit) || said_of(leaf, run, one_.start).is_free) {
                return;
            }
            // Rows that set an intercept are about other things, but for those about the field.
            if (part.kind == FieldKind::intercept && !one_.name.starts_with("fields/")) {
                return;
            }
            if (!is_reserved(part) || leaf.has_all_bits_set(run.before)) {
                shows(part, left_alone);
            }
            shows(part, ignored);
            if (!is_enabled(part, run.before)) {
                shows(part, disabled);
            }
        });
        if (exit != nullptr && is_done(*exit)) {
            for (const FieldExpectation& expected : exit->fields) {
                stored_by_row(run, svm::field_info(expected.field));
            }
        }
    }

    void stored_by_row(const Vmrun& run, const Field& word) {
        const std::vector<Leaf> parts = leaves_of(word);
        bool whole = false;
        for (const Leaf& leaf : parts) {
            if (said_of(leaf, run, one_.start).is_new) {
                shows(*leaf.part, stored);
                whole = whole || is_segment_attribute(leaf);
            }
        }
        for (const Leaf& leaf : parts) {
            if (whole) {
                shows(*leaf.part, stored);
            }
        }
    }

    /// What every exit stores without a row that says so.
    void promised(const Vmrun& run) {
        const ExitExpectation& exit = *run.exit();
        shows(svm::field_info(svm::field::exit_code), stored);
        if (sample_of(exit.rip, one_.start) != run.before.save.rip) {
            shows(svm::field_info(svm::field::rip), stored);
        }
        const svm::ExitCodeInfo* info = svm::exit_code_info(exit.exit_code);
        if (info != nullptr && info->next_rip_saved) {
            shows(svm::field_info(svm::field::next_rip), stored);
        }
        if (run.before.control.event_injection.test(svm::EventInjection::valid)) {
            shows(*svm::find_bit(svm::field::event_injection.offset + 3, 7), stored);
        }
        if (exit.instruction_bytes == InstructionBytes::stored) {
            for (const svm::Field& count : svm::bits_of(svm::field::insn_byte_count)) {
                shows(count, stored);
            }
            shows(svm::field_info(svm::field::insn_bytes), stored);
        }
    }

    /// A routine that VMLOADs the VMCB and reports what became of it.
    void called(const Vmrun& run) {
        const bool loads = std::ranges::any_of(one_.steps, [](const Step& step) {
            const auto* call = std::get_if<Call>(&step);
            return call != nullptr && call->routine == "vmload_state";
        });
        if (loads) {
            each_difference(run.before, run.fresh,
                            [&](const Leaf& leaf) { shows(*leaf.part, vmload); });
        }
    }

    /// What is seen at work with the value that every VMCB has, and what L2 changes in vain.
    void seen_as_they_are() {
        each_leaf_of_rows(field_rows::as_it_is, [this](const Field& leaf) {
            shows(leaf, loaded);
            shows(leaf, used);
            shows(leaf, left_alone);
        });
        each_leaf_of_rows(field_rows::not_stored,
                          [this](const Field& leaf) { shows(leaf, not_stored); });
        const std::size_t row = one_.name.find("/not_stored/");
        if (row == std::string::npos || !one_.name.starts_with("fields/")) {
            return;
        }
        for (const Leaf& leaf : vmcb_leaves()) {
            if (one_.name.substr(0, row) == "fields/" + name_of(*leaf.part)) {
                shows(*leaf.part, not_stored);
            }
        }
    }

    template<class Visit>
    void each_leaf_of_rows(std::span<const FieldRow> rows, Visit&& visit) {
        for (const FieldRow& row : rows) {
            if (!row_matches(row.rows, one_.name)) {
                continue;
            }
            for (const Leaf& leaf : vmcb_leaves()) {
                if (glob_matches(row.leaf, leaf.part->name)) {
                    visit(*leaf.part);
                }
            }
        }
    }

    const Case& one_;
    const CoveredSink& covered_;
};

void covered_by(const Case& one, const CoveredSink& covered) {
    Rule{one, covered}.apply();
}

CoverageItem item_of(const Leaf& leaf, const Aspect& aspect) {
    const Field& part = *leaf.part;
    CoverageItem item{id_of(part, aspect), std::string{aspect.title}, std::string{part.manual}};
    if (leaf.part != leaf.word) {
        std::array<char, 8> offset{};
        std::snprintf(offset.data(), offset.size(), "%03Xh ", part.offset);
        item.word = offset.data() + std::string{leaf.word->name};
        item.bit = part.bit_lo;
        item.bits = part.bit_count;
    }
    // Bytes that belong to nothing are left alone on every CPU.
    if (aspect.use != VmcbUse::left_alone && part.gate.any.empty() && !part.gate.undecided) {
        item.needs = part.gate.all;
    }
    const std::size_t last = (leaf.first_bit() + part.bit_count - 1) / 8;
    const std::size_t first = leaf.first_bit() / 8;
    item.vmcb = {{static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(last - first + 1),
                  aspect.use}};
    return item;
}

CoverageFamily fields() {
    CoverageFamily family{"field", "Fields of the VMCB", {}, covered_by};
    for (const Leaf& leaf : vmcb_leaves()) {
        for (const Aspect& aspect : aspects) {
            if (aspect.applies(*leaf.part)) {
                family.items.push_back(item_of(leaf, aspect));
            }
        }
    }
    for (const std::span<const FieldRow> rows :
         {std::span<const FieldRow>{field_rows::loaded},
          std::span<const FieldRow>{field_rows::as_it_is},
          std::span<const FieldRow>{field_rows::not_stored}}) {
        for (const FieldRow& row : rows) {
            family.rows.emplace_back(row.rows);
        }
    }
    return family;
}

const FamilyRegistration registration{fields};

} // namespace
} // namespace vmrunit::cases
