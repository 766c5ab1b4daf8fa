// SPDX-License-Identifier: GPL-2.0-only
// RFLAGS flag by flag: PUSHF of L2 sees each that VMRUN loaded, and the exit stores it again; what
// POPF sets and clears the exit stores too. Not among them are VM, which is a mode of its own, and
// RF, of which no program can tell: it lasts until an instruction has been executed, so where the
// first one cannot be fetched the exit stores what VMRUN loaded. What breakpoints make of it, see
// instructions/debug_exceptions. APM2 3.1.6, 15.5.1, 15.6.

#include "cases/model/delivery.hpp"
#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"

#include <string>
#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
namespace rflags = svm::rflags;

/// Who may change it by POPF.
enum class Popped : std::uint8_t {
    anywhere,
    at_cpl0,   ///< Elsewhere POPF leaves it.
    where_iopl ///< Where CPL is not above IOPL: at CPL 0, and in virtual-8086 mode with IOPL 3.
};

struct Flag {
    std::string_view name;
    std::uint64_t bits;
    Popped popped = Popped::anywhere;
    bool is_stored = true;
};
constexpr std::uint64_t arithmetic =
    rflags::cf | rflags::pf | rflags::af | rflags::zf | rflags::sf | rflags::of;
// What POPF makes of VIF and VIP without their extensions in CR4 nobody says alike.
constexpr Flag flags[] = {
    {"cf", rflags::cf},
    {"pf", rflags::pf},
    {"af", rflags::af},
    {"zf", rflags::zf},
    {"sf", rflags::sf},
    {"if", rflags::if_, Popped::where_iopl},
    {"df", rflags::df},
    {"of", rflags::of},
    {"iopl_1", std::uint64_t{1} << 12, Popped::at_cpl0},
    {"iopl_2", std::uint64_t{2} << 12, Popped::at_cpl0},
    {"iopl_3", rflags::iopl, Popped::at_cpl0},
    {"nt", rflags::nt},
    {"ac", rflags::ac},
    {"vif", rflags::vif, Popped::at_cpl0, false},
    {"vip", rflags::vip, Popped::at_cpl0, false},
    {"id", rflags::id},
    {"arithmetic", arithmetic},
};

/// Flags that are set besides: in virtual-8086 mode PUSHF and POPF need an IOPL of 3.
std::uint64_t others(L2Mode mode) {
    return rflags::always_one | (mode == L2Mode::v86 ? rflags::iopl : 0);
}

/// PUSHF and POPF as they move all of the flags, or their lower half where there is not more.
struct Width {
    explicit Width(L2Mode mode)
        : push(is_16bit(mode) ? "pushfd" : "pushf"),
          pop(is_16bit(mode) ? "popfd" : "popf"),
          slot(mode == L2Mode::long64 ? 8 : 4) {}
    std::string_view push, pop;
    std::uint8_t slot;
    [[nodiscard]] std::uint32_t top() const { return l2_stack_end - slot; }
};

void loaded(Catalogue& catalogue, const Flag& flag, const L2Start& start) {
    if (start.mode == L2Mode::v86 && (flag.bits & rflags::iopl) != 0) {
        return;
    }
    const std::uint64_t value = others(start.mode) | flag.bits;
    const Width width{start.mode};
    ExitExpectation exit = program_ends();
    exit.fields = {{field::rsp, in_memory(width.top())}};
    exit.memory = {{Region::l2_memory, width.top(), width.slot, value}};
    add_guest_case(catalogue,
                   {.name = "fields/save_rflags/loaded/" + std::string{flag.name} + "_set",
                    .title = "L2 sees the flag of the VMCB, and the exit stores it.",
                    .manual = "APM2 15.5.1",
                    .program = width.push,
                    .steps = {vmcb_set(field::rflags, value)},
                    .exit = std::move(exit)},
                   start);
}

/// The trap comes behind the first instruction, which still sees the flag.
void trap_flag_loaded(Catalogue& catalogue, const L2Start& start) {
    const Width width{start.mode};
    const std::uint64_t value = others(start.mode) | rflags::tf;
    ExitExpectation exit = delivered(start, {.vector = 1,
                                             .return_rip = at_after,
                                             .rsp_adjust = 0 - std::uint64_t{width.slot},
                                             .rflags = value});
    exit.fields.push_back({field::dr6, svm::dr6::reset | svm::dr6::bs});
    exit.memory.push_back({Region::l2_memory, width.top(), width.slot, value});
    add_guest_case(catalogue,
                   {.name = "fields/save_rflags/loaded/tf_set",
                    .title = "L2's first instruction sees TF, and is trapped behind.",
                    .manual = "APM2 15.5.1",
                    .program = width.push,
                    .steps = {vmcb_set(field::rflags, value)},
                    .exit = std::move(exit)},
                   start);
}

void stored(Catalogue& catalogue, const Flag& flag, bool sets, const L2Start& start) {
    const Width width{start.mode};
    const bool is_v86 = start.mode == L2Mode::v86;
    const std::uint64_t with = others(start.mode) | flag.bits;
    const std::uint64_t without = with & ~flag.bits;
    const std::uint64_t popped = sets ? with : without;
    const std::uint64_t begun = sets ? without : with;
    ExitExpectation exit = program_ends();
    exit.fields = {{field::rsp, in_memory(l2_stack_end)},
                   {field::rflags, popped | (is_v86 ? rflags::vm : 0)}};
    add_guest_case(
        catalogue,
        {.name = "fields/save_rflags/stored/" + std::string{flag.name} + (sets ? "_set" : "_clear"),
         .title = "The exit stores what L2 made of the flag.",
         .manual = "APM2 15.6",
         .program = width.pop,
         .steps = {vmcb_set(field::rflags, begun),
                   l2_register(Register::rsp, in_memory(width.top())),
                   Write{wire::Op::Code::write, Region::l2_memory, width.top(), width.slot,
                         popped}},
         .exit = std::move(exit)},
        start);
}

/// RF lasts until an instruction has been executed, and none can be: the nested tables have neither
/// L2's code nor L2's tables, and it is the fetch that needs both. Whether the exit of a fetch may
/// set it nobody says.
void resume_flag(Catalogue& catalogue, const L2Start& start) {
    ExitExpectation exit;
    exit.exit_code = svm::ExitCode::npf;
    exit.rip = at_insn;
    exit.instruction_bytes = InstructionBytes::none;
    // Which access of its walk fails first is not this row's business.
    exit.fields = {{field::exit_info_1, {}, ~std::uint64_t{0}, Match::free},
                   {field::exit_info_2, {}, ~std::uint64_t{0}, Match::free},
                   {field::rflags, rflags::rf, rflags::rf}};
    add_guest_case(catalogue,
                   {.name = "fields/save_rflags/stored/rf_set_not_fetched",
                    .title = "RF lasts until an instruction has been executed.",
                    .manual = "APM2 3.1.6, 15.6",
                    .program = "pause",
                    .steps = {vmcb_set(field::rflags, rflags::rf),
                              Write{wire::Op::Code::write, Region::nested_pd, 0, 8, 0}},
                    .exit = std::move(exit),
                    .l1_modes = only_l1_long64},
                   start);
}

bool pops(const Flag& flag, const L2Start& start) {
    if (!flag.is_stored) {
        return false;
    }
    switch (flag.popped) {
    case Popped::anywhere:
        return true;
    case Popped::at_cpl0:
        return start.cpl == 0;
    case Popped::where_iopl:
        return start.cpl == 0 || start.mode == L2Mode::v86;
    }
    return false;
}

void flag_values(Catalogue& catalogue) {
    each_start([&](const L2Start& start) {
        trap_flag_loaded(catalogue, start);
        // The exit of the next instruction comes before the trap behind it.
        stored(catalogue, {"tf", rflags::tf}, true, start);
        if (start.nested_paging && !is_16bit(start.mode)) {
            resume_flag(catalogue, start);
        }
        for (const Flag& flag : flags) {
            loaded(catalogue, flag, start);
            if (pops(flag, start)) {
                stored(catalogue, flag, true, start);
                stored(catalogue, flag, false, start);
            }
        }
    });
}

const Registration registration{flag_values};

} // namespace
} // namespace vmrunit::cases
