// SPDX-License-Identifier: GPL-2.0-only
// The stack frame and the state that an exception leaves behind, by hand from APM2 8.7 (legacy) and
// 8.9 (long mode), in every mode and from both privilege levels.
#include "cases/model/delivery.hpp"
#include "harness/svm/cpu.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <optional>
#include <vector>

namespace vmrunit::cases {
namespace {

constexpr std::uint32_t stack_end = offsetof(L2Memory, stack) + sizeof(L2Memory::stack);
constexpr std::uint32_t kernel_stack_end =
    offsetof(L2Memory, kernel_stack) + sizeof(L2Memory::kernel_stack);

/// What the frame holds `below` bytes under the stack's end, and of which size.
struct Slot {
    std::uint32_t below;
    std::uint8_t size;
    Value value;
    std::uint64_t mask = ~std::uint64_t{0};
};

/// The slots of the frame. What of a slot is not judged must be free: the frame rule would have the
/// rest stay as it was.
std::vector<MemoryExpectation> slots_of(const ExitExpectation& exit) {
    std::vector<MemoryExpectation> slots;
    for (const MemoryExpectation& row : exit.memory) {
        if (row.match == Match::equals) {
            slots.push_back(row);
            continue;
        }
        EXPECT_EQ(row.match, Match::free);
        EXPECT_EQ(row.offset, slots.back().offset);
        EXPECT_EQ(row.mask, ~slots.back().mask);
    }
    const auto is_partial = [](const MemoryExpectation& row) { return ~row.mask != 0; };
    EXPECT_EQ(exit.memory.size() - slots.size(), std::ranges::count_if(slots, is_partial));
    return slots;
}

void expect_frame(const ExitExpectation& exit, std::uint32_t end, const std::vector<Slot>& slots) {
    const std::vector<MemoryExpectation> frame = slots_of(exit);
    ASSERT_EQ(frame.size(), slots.size());
    for (std::size_t i = 0; i < slots.size(); ++i) {
        EXPECT_EQ(frame[i].region, Region::l2_memory) << i;
        EXPECT_EQ(frame[i].offset, end - slots[i].below) << i;
        EXPECT_EQ(frame[i].size, slots[i].size) << i;
        EXPECT_EQ(frame[i].value, slots[i].value) << i;
        EXPECT_EQ(frame[i].mask, slots[i].mask) << i;
    }
}

std::optional<Value> field_of(const ExitExpectation& exit, svm::FieldRef field) {
    for (const FieldExpectation& row : exit.fields) {
        if (row.field == field && row.match == Match::equals) {
            return row.value;
        }
    }
    return std::nullopt;
}

constexpr std::uint64_t without_rf = ~svm::rflags::rf;
constexpr std::uint64_t error_slot = ~std::uint64_t{0};

TEST(Delivery, LongModeAtCpl0PushesSixSlots) {
    const ExitExpectation exit =
        delivered({L2Mode::long64, 0, true}, {.vector = 13, .error_code = 0x18});
    EXPECT_EQ(exit.exit_code, svm::ExitCode::vmmcall);
    EXPECT_EQ(exit.rip, at_handler(13));
    EXPECT_EQ(exit.next_rip, (Value{Anchor::handler, 13, 3}));
    expect_frame(exit, stack_end,
                 {{8, 8, l2_selector::data},
                  {16, 8, in_memory(stack_end)},
                  {24, 8, 2, without_rf},
                  {32, 8, l2_selector::code64},
                  {40, 8, at_insn},
                  {48, 8, 0x18, error_slot}});
    EXPECT_EQ(field_of(exit, svm::field::rsp), in_memory(stack_end - 48));
    EXPECT_EQ(field_of(exit, svm::field::rflags), Value{2});
    EXPECT_FALSE(field_of(exit, svm::field::cpl)) << "stays 0";
    EXPECT_FALSE(field_of(exit, svm::field::cs_selector)) << "stays the same";
    EXPECT_FALSE(field_of(exit, svm::field::ss_selector));
}

TEST(Delivery, LongModeAlignsTheStackTo16Bytes) {
    const ExitExpectation exit = delivered(
        {L2Mode::long64, 0, true},
        {.vector = 4, .return_rip = at_after, .rsp_adjust = std::uint64_t(-8), .rflags = 0x246});
    expect_frame(exit, stack_end - 16,
                 {{8, 8, l2_selector::data},
                  {16, 8, in_memory(stack_end - 8)},
                  {24, 8, 0x246, without_rf},
                  {32, 8, l2_selector::code64},
                  {40, 8, at_after}});
    EXPECT_EQ(field_of(exit, svm::field::rflags), Value{0x46}) << "an interrupt gate clears IF";
}

TEST(Delivery, LongModeFromCpl3LoadsTheKernelStackAndANullSs) {
    const ExitExpectation exit = delivered({L2Mode::long64, 3, true}, {.vector = 6});
    expect_frame(exit, kernel_stack_end,
                 {{8, 8, l2_selector::user_data},
                  {16, 8, in_memory(stack_end)},
                  {24, 8, 2, without_rf},
                  {32, 8, l2_selector::user_code64},
                  {40, 8, at_insn}});
    EXPECT_EQ(field_of(exit, svm::field::cpl), Value{0});
    EXPECT_EQ(field_of(exit, svm::field::cs_selector), Value{l2_selector::code64});
    EXPECT_EQ(field_of(exit, svm::field::ss_selector), Value{0});
    EXPECT_EQ(field_of(exit, svm::field::rsp), in_memory(kernel_stack_end - 40));
}

TEST(Delivery, CompatibilityModeHasFramesOfLongMode) {
    const ExitExpectation exit = delivered({L2Mode::compat, 0, true}, {.vector = 6});
    expect_frame(exit, stack_end,
                 {{8, 8, l2_selector::data},
                  {16, 8, in_memory(stack_end)},
                  {24, 8, 2, without_rf},
                  {32, 8, l2_selector::code32},
                  {40, 8, at_insn}});
    EXPECT_EQ(field_of(exit, svm::field::cs_selector), Value{l2_selector::code64});
    EXPECT_EQ(field_of(exit, svm::field::cs_attributes), Value{svm::code64_attributes().value});
}

TEST(Delivery, ProtectedModeAtCpl0PushesNoStackPointer) {
    for (const L2Mode mode : {L2Mode::pae, L2Mode::prot32}) {
        const ExitExpectation exit = delivered({mode, 0, true}, {.vector = 13, .error_code = 0});
        expect_frame(exit, stack_end,
                     {{4, 4, 2, without_rf},
                      {8, 4, l2_selector::code32, 0xffff},
                      {12, 4, at_insn},
                      {16, 4, 0, error_slot}});
        EXPECT_EQ(field_of(exit, svm::field::rsp), in_memory(stack_end - 16));
        EXPECT_FALSE(field_of(exit, svm::field::cs_selector));
    }
}

TEST(Delivery, ProtectedModeFromCpl3LoadsSsFromTheTss) {
    const ExitExpectation exit = delivered({L2Mode::prot32, 3, true}, {.vector = 6});
    expect_frame(exit, kernel_stack_end,
                 {{4, 4, l2_selector::user_data, 0xffff},
                  {8, 4, in_memory(stack_end)},
                  {12, 4, 2, without_rf},
                  {16, 4, l2_selector::user_code32, 0xffff},
                  {20, 4, at_insn}});
    EXPECT_EQ(field_of(exit, svm::field::cpl), Value{0});
    EXPECT_EQ(field_of(exit, svm::field::cs_selector), Value{l2_selector::code32});
    EXPECT_EQ(field_of(exit, svm::field::ss_selector), Value{l2_selector::data});
}

TEST(Delivery, RealModePushesThreeWordsAndNoErrorCode) {
    for (const L2Mode mode : {L2Mode::real, L2Mode::paged_real}) {
        const ExitExpectation exit =
            delivered({mode, 0, true}, {.vector = 13, .error_code = 0, .rflags = 0x4'0302});
        EXPECT_EQ(exit.rip, at_handler(13));
        expect_frame(exit, stack_end,
                     {{2, 2, 0x4'0302, without_rf},
                      {4, 2, fresh(svm::field::cs_selector), 0xffff},
                      {6, 2, at_insn}});
        EXPECT_EQ(field_of(exit, svm::field::rsp), in_memory(stack_end - 6));
        EXPECT_EQ(field_of(exit, svm::field::rflags), Value{2}) << "IF, TF and AC are cleared";
        EXPECT_EQ(field_of(exit, svm::field::cs_selector), low_handlers_selector);
        EXPECT_EQ(field_of(exit, svm::field::cs_base), low_handlers);
        EXPECT_FALSE(field_of(exit, svm::field::cs_attributes))
            << "only selector and base are loaded";
    }
}

TEST(Delivery, SixteenBitGatesPushWords) {
    const ExitExpectation exit =
        delivered({L2Mode::prot16, 0, true}, {.vector = 13, .error_code = 0x18});
    expect_frame(exit, stack_end,
                 {{2, 2, 2, without_rf},
                  {4, 2, l2_selector::code16, 0xffff},
                  {6, 2, at_insn},
                  {8, 2, 0x18, error_slot}});
    EXPECT_EQ(field_of(exit, svm::field::cs_selector), Value{l2_selector::handler_code16});
    EXPECT_EQ(field_of(exit, svm::field::cs_base), low_handlers);

    const ExitExpectation from_user = delivered({L2Mode::prot16, 3, true}, {.vector = 6});
    expect_frame(from_user, kernel_stack_end,
                 {{2, 2, l2_selector::user_data16, 0xffff},
                  {4, 2, in_memory(stack_end)},
                  {6, 2, 2, without_rf},
                  {8, 2, l2_selector::user_code16, 0xffff},
                  {10, 2, at_insn}});
    EXPECT_EQ(field_of(from_user, svm::field::cpl), Value{0});
    EXPECT_EQ(field_of(from_user, svm::field::ss_selector), Value{l2_selector::data16});
}

TEST(Delivery, Virtual8086ModePushesAllSegmentsAndLeavesThemNull) {
    const ExitExpectation exit = delivered({L2Mode::v86, 3, true}, {.vector = 6});
    expect_frame(exit, kernel_stack_end,
                 {{4, 4, 0, 0xffff},
                  {8, 4, 0, 0xffff},
                  {12, 4, 0, 0xffff},
                  {16, 4, 0, 0xffff},
                  {20, 4, 0, 0xffff},
                  {24, 4, in_memory(stack_end)},
                  {28, 4, 0x2'0002, without_rf},
                  {32, 4, fresh(svm::field::cs_selector), 0xffff},
                  {36, 4, at_insn}});
    EXPECT_EQ(field_of(exit, svm::field::rflags), Value{2}) << "VM is cleared";
    EXPECT_EQ(field_of(exit, svm::field::cpl), Value{0});
    EXPECT_EQ(field_of(exit, svm::field::cs_selector), Value{l2_selector::code32});
    EXPECT_EQ(field_of(exit, svm::field::cs_base), Value{0});
    EXPECT_EQ(field_of(exit, svm::field::ss_selector), Value{l2_selector::data});
    EXPECT_EQ(field_of(exit, svm::field::ds_selector), Value{0});
    EXPECT_EQ(field_of(exit, svm::field::es_selector), Value{0});
}

TEST(Delivery, SomePartsOfAFrameMayBeOpen) {
    const ExitExpectation exit = delivered(
        {}, {.vector = 8, .error_code = 0, .error_code_mask = 0xf, .return_rip_defined = false});
    const std::vector<MemoryExpectation> frame = slots_of(exit);
    ASSERT_EQ(frame.size(), 6u);
    EXPECT_EQ(frame[4].mask, 0u) << "an abort promises no return address";
    EXPECT_EQ(frame[5].mask, 0xffff'ffff'0000'000fu);
}

} // namespace
} // namespace vmrunit::cases
