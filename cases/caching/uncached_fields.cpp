// SPDX-License-Identifier: GPL-2.0-only
// What belongs to no group of clean bits is read at each VMRUN, though every clean bit is set
// (spec: CLN-NC). APM2 15.15.

#include "cases/model/delivery.hpp"
#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/model/second_run.hpp"
#include "cases/model/virtual_interrupt.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb.hpp"
#include "harness/world.hpp"

#include <optional>
#include <string>
#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::EventInformation;
using svm::EventType;
using svm::InterruptShadow;
using svm::VirtualInterrupt;

/// A third VMRUN, where two do not show it.
struct Again {
    std::vector<Step> steps{};
    std::optional<ExitExpectation> exit{};
};

class UncachedFields {
public:
    UncachedFields(Catalogue& catalogue, const L2Start& start)
        : catalogue_(catalogue), start_(start) {}

    void add(std::string_view name, std::string_view program, std::vector<Step> first,
             std::vector<Step> second, ExitExpectation before, ExitExpectation after,
             const Again& third = {},
             const std::source_location& where = std::source_location::current()) {
        std::vector<Step> then = second_run(start_.mode, all_clean, std::move(second));
        std::vector<Expectation> then_expected{std::move(after)};
        if (third.exit) {
            const std::vector<Step> again = second_run(start_.mode, all_clean, third.steps);
            then.insert(then.end(), again.begin(), again.end());
            then_expected.emplace_back(*third.exit);
        }
        add_guest_case(catalogue_,
                       {.name = "caching/no_group/" + std::string{name},
                        .title = "No clean bit covers it: it is read each time.",
                        .manual = "APM2 15.15",
                        .program = program,
                        .steps = std::move(first),
                        .exit = std::move(before),
                        .then = std::move(then),
                        .then_expected = std::move(then_expected)},
                       start_, where);
    }

    [[nodiscard]] ExitExpectation copied(Value value) const {
        ExitExpectation exit = program_ends();
        exit.registers = {
            {Register::rbx, value, is_64_bit() ? ~std::uint64_t{0} : std::uint64_t{0xffff'ffff}}};
        return exit;
    }

    [[nodiscard]] bool is_64_bit() const { return start_.mode == L2Mode::long64; }
    [[nodiscard]] const L2Start& start() const { return start_; }

private:
    Catalogue& catalogue_;
    L2Start start_;
};

void registers(UncachedFields& table) {
    table.add("rax", "copy_rax", {vmcb_field(field::rax, 0x1111)}, {vmcb_field(field::rax, 0x2222)},
              table.copied(0x1111), table.copied(0x2222));
    table.add("rsp", "copy_rsp", {vmcb_field(field::rsp, 0x1111)}, {vmcb_field(field::rsp, 0x2222)},
              table.copied(0x1111), table.copied(0x2222));
    // The second time the instruction is behind.
    table.add("rip", "copy_rax", {vmcb_field(field::rip, at_start), vmcb_field(field::rax, 0x1111)},
              {vmcb_field(field::rip, at_marker)}, table.copied(0x1111), program_ends());
}

void flags(UncachedFields& table) {
    const L2Mode mode = table.start().mode;
    const bool is_narrow = is_16bit(mode);
    const auto slot = static_cast<std::uint8_t>(is_narrow ? 2 : table.is_64_bit() ? 8 : 4);
    const std::uint32_t top = l2_stack_end - slot;
    const auto pushed = [&](std::uint64_t value) {
        ExitExpectation exit = program_ends();
        exit.fields = {{field::rsp, in_memory(top)}};
        exit.memory = {{Region::l2_memory, top, slot, value}};
        return exit;
    };
    using namespace svm::rflags;
    table.add("rflags", "pushf", {vmcb_field(field::rflags, always_one | cf)},
              {vmcb_field(field::rflags, always_one | zf)}, pushed(always_one | cf),
              pushed(always_one | zf));
}

void events(UncachedFields& table) {
    const auto event = [](std::uint8_t vector) {
        return vmcb_field(field::event_injection,
                          EventInformation::event(EventType::interrupt, vector).value);
    };
    const auto handled = [&](std::uint8_t vector) {
        return delivered(table.start(), {.vector = vector, .return_rip = at_start});
    };
    table.add("event_injection", "nothing", {event(0x40)}, {event(0x41)}, handled(0x40),
              handled(0x41));

    constexpr std::uint8_t vector = 0x40;
    constexpr std::uint64_t enabled = svm::rflags::always_one | svm::rflags::if_;
    const auto pending = offered_interrupt(vector);
    const auto taken = [&](Value return_rip) {
        ExitExpectation exit = delivered(
            table.start(), {.vector = vector, .return_rip = return_rip, .rflags = enabled});
        exit.fields.push_back({field::virtual_interrupt, 0, VirtualInterrupt::v_irq.mask()});
        exit.fields.push_back(
            {field::interrupt_shadow, 0, InterruptShadow::interrupt_shadow.mask()});
        return exit;
    };
    // The first time L2 exits in the shadow, so that V_IRQ, which has a clean bit, stays set.
    table.add("interrupt_shadow", "nothing",
              {vmcb_field(field::virtual_interrupt, pending.value),
               vmcb_field(field::rflags, enabled),
               vmcb_field(field::interrupt_shadow, InterruptShadow::interrupt_shadow.mask())},
              {vmcb_field(field::interrupt_shadow, 0)}, program_ends(), taken(at_start));
}

/// L2 reads a word of a page, which is another one the third time; that a CPU may keep the old
/// translation ends with the flush, which the second VMRUN did not ask for.
void flush(UncachedFields& table) {
    constexpr std::uint64_t address = 0xc000'0000;
    constexpr std::uint32_t entry_of_it = 3 * 512 * 8; ///< In the page directories.
    constexpr std::uint64_t first_word = 0xd3d2'd1d0;
    constexpr std::uint64_t second_word = 0x1234'5678;
    const auto page = [](Region region) {
        return Write{wire::Op::Code::write, Region::legacy_pt, 0, 8,
                     in_region(region, world::table_bits | world::dirty)};
    };
    table.add(
        "tlb_control", "raise_pf_read",
        {Write{wire::Op::Code::write, Region::pd, entry_of_it, 8,
               in_region(Region::legacy_pt, world::table_bits)},
         page(Region::l2_memory),
         Write{wire::Op::Code::write, Region::spare_vmcb, l2_data_offset, 8, second_word},
         l2_register(Register::rdi, address + l2_data_offset)},
        {vmcb_field(field::tlb_control, 0)}, table.copied(first_word), table.copied(first_word),
        {{page(Region::spare_vmcb), vmcb_field(field::tlb_control, 1)}, table.copied(second_word)});
}

void uncached_fields(Catalogue& catalogue) {
    for (const L2Mode mode : {L2Mode::long64, L2Mode::pae, L2Mode::prot32, L2Mode::real}) {
        for (const bool nested_paging : {true, false}) {
            UncachedFields table{catalogue, {mode, 0, nested_paging}};
            registers(table);
            flags(table);
            if (!is_real_mode(mode)) { // Delivery changes CS there, which is said to be clean.
                events(table);
            }
            if (table.is_64_bit()) {
                flush(table);
            }
        }
    }
}

const Registration registration{uncached_fields};

} // namespace
} // namespace vmrunit::cases
