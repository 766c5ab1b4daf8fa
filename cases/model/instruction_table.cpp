// SPDX-License-Identifier: GPL-2.0-only
#include "cases/model/instruction_table.hpp"

#include "cases/model/page_end.hpp"
#include "cases/model/segment_end.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace vmrunit::cases {

namespace {

using svm::Intercept;

void append(ExitExpectation& exit, const Effect& effect) {
    exit.fields.insert(exit.fields.end(), effect.fields.begin(), effect.fields.end());
    exit.registers.insert(exit.registers.end(), effect.registers.begin(), effect.registers.end());
    exit.memory.insert(exit.memory.end(), effect.memory.begin(), effect.memory.end());
}

/// Set in a fresh VMCB, so that a row about one of these clears it where others leave theirs alone.
/// VMRUN is not among them: VMRUN refuses a VMCB without it.
bool can_be_cleared(Intercept intercept) {
    return intercept == Intercept::vmmcall || intercept == Intercept::shutdown;
}

/// A step has a virtual interrupt pending, which is the intercept of those that then comes first.
bool pends_virtual_interrupt(const Step& step) {
    const auto* write = std::get_if<Write>(&step);
    return write != nullptr && write->region == Region::vmcb &&
           write->offset == svm::field::virtual_interrupt.offset &&
           write->code != wire::Op::Code::clear_bits &&
           (write->value.number & svm::VirtualInterrupt::v_irq.mask()) != 0;
}

std::vector<Step> other_intercepts(const InstructionRow& row) {
    std::vector<Intercept> met = row.also_meets;
    if (std::ranges::any_of(row.setup, pends_virtual_interrupt)) {
        met.push_back(Intercept::vintr);
    }
    return all_other_intercepts(row.intercept, met);
}

/// The write traps of what is written where nothing intercepts this. They come behind it, and only
/// where it executes.
std::vector<Intercept> write_traps_behind(Intercept intercept) {
    switch (intercept) {
    case Intercept::cr0_sel_write:
        return {Intercept::cr0_write_trap};
    case Intercept::msr_prot:
        return {Intercept::efer_write_trap};
    case Intercept::task_switch: // TS of CR0, and CR3.
        return {Intercept::cr0_write_trap, Intercept::cr3_write_trap};
    default:
        break;
    }
    const auto number = static_cast<unsigned>(intercept);
    const auto first = static_cast<unsigned>(Intercept::cr0_write);
    if (number < first || number > static_cast<unsigned>(Intercept::cr15_write)) {
        return {};
    }
    return {
        static_cast<Intercept>(static_cast<unsigned>(Intercept::cr0_write_trap) + number - first)};
}

/// The same with the row's own bit set too, and the write traps of what is then not written.
std::vector<Step> all_intercepts(const InstructionRow& row) {
    std::vector<Step> steps = other_intercepts(row);
    steps.emplace_back(intercepting(row.intercept));
    for (const Intercept trap : write_traps_behind(row.intercept)) {
        steps.emplace_back(intercepting(trap));
    }
    return steps;
}

/// One row in one mode of L2 and L1, at one privilege level, with or without nested paging.
class Expansion {
public:
    Expansion(Catalogue& catalogue, const InstructionRow& row, const L2Start& start,
              const std::source_location& where)
        : catalogue_(catalogue), row_(row), start_(start), where_(where) {}

    void add_all() {
        const bool user = start_.cpl == 3;
        const bool gp = user && row_.cpl3 == AtCpl3::gp_first;
        if (gp) {
            add("order_cpl", Kind::order, "At CPL 3 its fault comes before the intercept.",
                {intercept_set()}, fault_at_cpl3());
            add_not_taken(Kind::order, "At CPL 3 it faults.", fault_at_cpl3());
            return;
        }
        if (row_.reach != Reach::taken) {
            add_out_of_reach();
            return;
        }
        add("taken", Kind::taken, "The intercept is taken before the instruction does anything.",
            {intercept_set()}, taken());
        add("taken_all_others", Kind::taken_all_others,
            "With all other intercepts set it is this one that is taken.", all_intercepts(row_),
            taken());
        if (user && row_.cpl3 == AtCpl3::exit_first) {
            add_not_taken(Kind::order, "Without the intercept it faults at CPL 3.",
                          fault_at_cpl3());
            return;
        }
        if (row_.runs_without_intercept) {
            add_not_taken(Kind::not_taken, "Without the intercept the instruction executes.",
                          not_taken(), row_.needs_to_execute);
            add("not_taken_all_others", Kind::not_taken_all_others,
                "With all other intercepts set the instruction executes.", other_intercepts(row_),
                not_taken(), row_.needs_to_execute);
        }
    }

    /// With the instruction as the last of its page, or with its first byte as the last one there.
    void add_at_page_end(NextPage next, bool splits_insn) {
        place_.emplace(code_at_page_end(splits_insn), mapped_pages(next, start_),
                       (splits_insn ? "across_pages/" : "page_end/") + std::string{name_of(next)} +
                           "/");
        const bool whole = next == NextPage::mapped || !splits_insn;
        if (whole) {
            add("taken", Kind::taken, "The intercept is taken whatever the next page is.",
                {intercept_set()}, taken());
        } else {
            add(next == NextPage::absent ? "order_pf" : "order_npf", Kind::order,
                "The fetch of its second page faults before the intercept.", {intercept_set()},
                with_prologue(fetch_fault(next, start_, at_insn)));
        }
        if (!row_.runs_without_intercept) {
            return;
        }
        if (next == NextPage::mapped) {
            add_not_taken(Kind::not_taken, "Without the intercept the instruction executes.",
                          not_taken(), row_.needs_to_execute);
        } else if (!whole) {
            add_not_taken(Kind::order, "Without the intercept it faults as well.",
                          with_prologue(fetch_fault(next, start_, at_insn)));
        } else if (next_instruction_faults()) {
            ExitExpectation exit = fetch_fault(next, start_, at_after);
            append(exit, row_.executed);
            add_not_taken(Kind::not_taken,
                          "It executes, and it is the next instruction that faults.",
                          with_prologue(std::move(exit)), row_.needs_to_execute);
        }
    }

    /// With the last byte of the instruction at FFFFh, or with its first one there.
    void add_at_segment_end(bool splits_insn) {
        place_.emplace(code_at_segment_end(splits_insn), segment_before_end(),
                       splits_insn ? "across_segment_end/" : "segment_end/");
        if (splits_insn) {
            const ExitExpectation fault = with_prologue(fetch_beyond_segment(start_, at_insn));
            add("order_gp", Kind::order,
                "The fetch of what lies behind the segment faults before the intercept.",
                {intercept_set()}, fault);
            if (row_.runs_without_intercept) {
                add_not_taken(Kind::order, "Without the intercept it faults as well.", fault);
            }
            return;
        }
        add("taken", Kind::taken, "The intercept is taken though nothing can follow.",
            {intercept_set()}, with_next_rip_open(taken()));
        if (row_.runs_without_intercept && next_instruction_faults()) {
            ExitExpectation exit = fetch_beyond_segment(start_, at_after);
            append(exit, row_.executed);
            add_not_taken(Kind::not_taken,
                          "It executes, and the next instruction lies behind the segment.",
                          with_prologue(std::move(exit)), row_.needs_to_execute);
        }
    }

private:
    using Kind = InterceptUse::Kind;

    /// Where it executes and goes on behind itself, with stack and flags as they were: what the
    /// frame of the fault is written to.
    [[nodiscard]] bool next_instruction_faults() const {
        const auto moves_frame = [](const FieldExpectation& one) {
            return one.field.offset == svm::field::rsp.offset ||
                   one.field.offset == svm::field::rflags.offset;
        };
        return !row_.raises && !row_.ends_with &&
               std::ranges::none_of(row_.executed.fields, moves_frame);
    }

    /// Where code lies that is not where it was linked, and how cases there are called.
    struct Place {
        CodeCopy code;
        std::vector<Step> steps;
        std::string name;

        Place(CodeCopy copy, std::vector<Step> steps, std::string prefix)
            : code(std::move(copy)), steps(std::move(steps)), name(std::move(prefix)) {}
    };

    [[nodiscard]] ExitExpectation with_prologue(ExitExpectation exit) const {
        append(exit, row_.prologue);
        return exit;
    }

    void add_out_of_reach() {
        if (row_.reach == Reach::not_covered) {
            add("not_covered", Kind::order, "The intercept does not cover this.", {intercept_set()},
                not_taken());
        } else {
            // "exception_ud": order_ud.
            const std::string_view name =
                svm::intercept_name(svm::exception_intercept(row_.raises.value().vector));
            add("order_" + std::string{name.substr(name.find('_') + 1)}, Kind::order,
                "The exception comes before the intercept.", {intercept_set()}, not_taken());
        }
        if (row_.fails_safely) {
            add_not_taken(Kind::order, "Without the intercept it goes the same way.", not_taken());
        }
    }

    /// The instruction would raise an exception that the exit comes before.
    [[nodiscard]] bool precedes_exception() const {
        if (start_.cpl == 3 && row_.cpl3 == AtCpl3::exit_first) {
            return true;
        }
        return row_.raises && row_.raises->vector < 32 &&
               std::ranges::find(row_.also_meets, svm::exception_intercept(row_.raises->vector)) !=
                   row_.also_meets.end();
    }

    [[nodiscard]] Step intercept_set() const { return intercepting(row_.intercept); }

    [[nodiscard]] ExitExpectation taken() const {
        ExitExpectation exit;
        exit.exit_code = svm::exit_code_of(row_.intercept);
        exit.rip = row_.taken_rip;
        exit.next_rip = row_.taken_next_rip;
        exit.instruction_bytes = row_.taken_instruction_bytes;
        append(exit, row_.prologue);
        exit.fields.insert(exit.fields.end(), row_.taken_fields.begin(), row_.taken_fields.end());
        return exit;
    }

    [[nodiscard]] ExitExpectation not_taken() const {
        ExitExpectation exit;
        if (row_.raises) {
            exit = delivered(start_, *row_.raises);
        } else if (row_.ends_with) {
            exit = *row_.ends_with;
        } else {
            exit.rip = at_marker;
            exit.next_rip = Value{Anchor::marker, 0, 3};
            append(exit, row_.epilogue);
        }
        append(exit, row_.executed);
        append(exit, row_.prologue);
        return exit;
    }

    [[nodiscard]] ExitExpectation fault_at_cpl3() const {
        ExitExpectation exit = delivered(start_, row_.cpl3_fault);
        append(exit, row_.prologue);
        return exit;
    }

    /// A fresh VMCB has some intercepts set: the row's own is cleared then.
    void add_not_taken(Kind kind, std::string_view title, ExitExpectation exit,
                       svm::Features needs = {}) {
        if (row_.intercept == Intercept::vmrun) {
            return; // VMRUN refuses a VMCB that does not intercept it.
        }
        std::vector<Step> extra;
        if (can_be_cleared(row_.intercept)) {
            Write clear = intercepting(row_.intercept);
            clear.code = wire::Op::Code::clear_bits;
            extra.emplace_back(clear);
        }
        add("not_taken", kind, title, std::move(extra), std::move(exit), needs);
    }

    void add(std::string_view what, Kind kind, std::string_view title, std::vector<Step> extra,
             ExitExpectation exit, svm::Features needs = {}) {
        Case made;
        std::string base = "intercept/" + std::string{row_.subject} + "/";
        if (!row_.variant.empty()) {
            base += std::string{row_.variant} + "/";
        }
        if (place_) {
            base += place_->name;
            made.code_copy = place_->code;
            extra.insert(extra.end(), place_->steps.begin(), place_->steps.end());
        }
        made.name = full_name(base + std::string{what}, {}, start_);
        made.title = title;
        made.manual = row_.manual;
        made.file = project_path(where_.file_name());
        made.line = where_.line();
        made.program = row_.program;
        made.start = start_;
        made.needs = row_.needs | needs;
        made.without = row_.without;
        if (start_.nested_paging) {
            made.needs.set(svm::Feature::np);
        }
        made.steps = std::move(extra);
        made.steps.insert(made.steps.end(), row_.setup.begin(), row_.setup.end());
        made.steps.emplace_back(Run{});
        made.expectations.emplace_back(std::move(exit));
        made.intercepts.push_back({row_.intercept, kind});
        if (kind == Kind::taken && precedes_exception()) {
            made.intercepts.push_back({row_.intercept, Kind::order});
        }
        if (in_reach_of_l1(made)) {
            catalogue_.add(std::move(made));
        }
    }

    Catalogue& catalogue_;
    const InstructionRow& row_;
    L2Start start_;
    std::source_location where_;
    std::optional<Place> place_;
};

/// What the row becomes where the instruction does not exist.
InstructionRow undefined_here(InstructionRow row) {
    if (row.cpl3 != AtCpl3::only) {
        row.cpl3 = AtCpl3::same;
    }
    row.reach = Reach::exception_first;
    row.raises = Delivery{.vector = 6};
    row.executed = {};
    row.ends_with.reset();
    return row;
}

/// At one privilege level, with which what a page's end changes has nothing to do. Where there is
/// no other than 3, that is if nothing but the page's end is new there.
void add_page_ends(Catalogue& catalogue, const InstructionRow& row, const L2Start& start,
                   const std::source_location& where) {
    const bool user =
        row.cpl3 == AtCpl3::only || (row.cpl3 == AtCpl3::same && !has_cpl(start.mode, 0));
    if (row.page_end == PageEnd::no || start.cpl != (user ? 3 : 0)) {
        return;
    }
    if (is_16bit(start.mode)) {
        // Segments are no business of L1's paging.
        if (row.reach == Reach::taken && start.l1 == L1Mode::long64) {
            Expansion{catalogue, row, start, where}.add_at_segment_end(false);
            if (row.page_end == PageEnd::within) {
                Expansion{catalogue, row, start, where}.add_at_segment_end(true);
            }
        }
        return;
    }
    for (const bool splits_insn : {false, true}) {
        for (const NextPage next : next_pages) {
            if (exists(next, start) && (!splits_insn || row.page_end == PageEnd::within)) {
                Expansion{catalogue, row, start, where}.add_at_page_end(next, splits_insn);
            }
        }
    }
}

} // namespace

void InstructionTable::row(const InstructionRow& row, const std::source_location& where) {
    for (unsigned number = 0; number < l2_mode_count; ++number) {
        const auto mode = static_cast<L2Mode>(number);
        if (!row.modes.contains(mode)) {
            continue;
        }
        if (row.needs_protected_mode && (is_real_mode(mode) || mode == L2Mode::v86)) {
            InstructionRow undefined = undefined_here(row);
            undefined.needs_protected_mode = false;
            undefined.modes = only(mode);
            this->row(undefined, where);
            continue;
        }
        for (const std::uint8_t cpl : {std::uint8_t{0}, std::uint8_t{3}}) {
            if (!has_cpl(mode, cpl)) {
                continue;
            }
            if (cpl == 3 ? row.cpl3 == AtCpl3::not_run : row.cpl3 == AtCpl3::only) {
                continue;
            }
            for (const bool nested_paging : {true, false}) {
                if (row.paging == (nested_paging ? Paging::only_unnested : Paging::only_nested)) {
                    continue;
                }
                each_l1_mode(row.l1_modes, [&](L1Mode l1) {
                    const L2Start start{mode, cpl, nested_paging, l1};
                    Expansion{catalogue_, row, start, where}.add_all();
                    add_page_ends(catalogue_, row, start, where);
                });
            }
        }
    }
}

std::vector<Step> all_other_intercepts(Intercept own, const std::vector<Intercept>& also_meets) {
    svm::InterceptSet set;
    for (const svm::InterceptInfo& info : svm::intercept_table) {
        const bool undefined = info.intercept == svm::exception_intercept(2) ||
                               info.intercept == svm::exception_intercept(9);
        if (!undefined) {
            set.set(info.intercept);
        }
    }
    // What nobody intercepts is written, and traps come behind that.
    for (const Intercept trap : write_traps_behind(own)) {
        set.clear(trap);
    }
    for (const Intercept met : also_meets) {
        for (const Intercept trap : write_traps_behind(met)) {
            set.clear(trap);
        }
    }
    for (const Intercept met : also_meets) {
        set.clear(met);
    }
    set.set(Intercept::vmrun).set(Intercept::vmmcall).set(Intercept::shutdown);
    if (own != Intercept::vmrun) { // There is no VMRUN without its own.
        set.clear(own);
    }
    std::vector<Step> steps;
    for (unsigned i = 0; i < svm::InterceptSet::word_count; ++i) {
        steps.emplace_back(Write{wire::Op::Code::write, Region::vmcb, i * 4, 4, set.words[i]});
    }
    return steps;
}

Write intercepting(Intercept intercept) {
    const auto bit = static_cast<std::uint32_t>(intercept);
    return {wire::Op::Code::set_bits, Region::vmcb, bit / 32 * 4, 4,
            std::uint64_t{1} << (bit % 32)};
}

Write vmcb_field(svm::FieldRef field, Value value) {
    return {wire::Op::Code::write, Region::vmcb, field.offset,
            static_cast<std::uint8_t>(field.size_bytes), value};
}

Write vmcb_set(svm::FieldRef field, std::uint64_t bits) {
    return {wire::Op::Code::set_bits, Region::vmcb, field.offset,
            static_cast<std::uint8_t>(field.size_bytes), bits};
}

Write vmcb_clear(svm::FieldRef field, std::uint64_t bits) {
    return {wire::Op::Code::clear_bits, Region::vmcb, field.offset,
            static_cast<std::uint8_t>(field.size_bytes), bits};
}

Write l2_register(Register reg, Value value) {
    return {wire::Op::Code::write, Region::registers, static_cast<std::uint32_t>(reg) * 8, 8,
            value};
}

Write l2_data_bytes(std::uint32_t offset, std::uint8_t size, Value value) {
    return {wire::Op::Code::write, Region::l2_memory,
            static_cast<std::uint32_t>(offsetof(L2Memory, data)) + offset, size, value};
}

std::string project_path(std::string_view file) {
    if (const auto at = file.rfind("cases/"); at != std::string_view::npos) {
        file.remove_prefix(at);
    }
    // The compiler was started in the build folder.
    while (file.starts_with("../")) {
        file.remove_prefix(3);
    }
    return std::string{file};
}

} // namespace vmrunit::cases
