// SPDX-License-Identifier: GPL-2.0-only
#include "cases/model/delivery.hpp"

#include "harness/svm/cpu.hpp"

namespace vmrunit::cases {

namespace {

constexpr std::uint32_t stack_end = offsetof(L2Memory, stack) + sizeof(L2Memory::stack);
constexpr std::uint32_t kernel_stack_end =
    offsetof(L2Memory, kernel_stack) + sizeof(L2Memory::kernel_stack);

} // namespace

ExitExpectation delivered(const L2Start& start, const Delivery& delivery) {
    ExitExpectation exit;
    exit.exit_code = svm::ExitCode::vmmcall;
    exit.rip = at_handler(delivery.vector);
    exit.next_rip = Value{Anchor::handler, delivery.vector, 3};

    const bool from_user = start.cpl == 3;
    const bool long_mode = is_long_mode(start.mode);
    const std::uint8_t slot = long_mode ? 8 : 4;
    const std::uint64_t outer_rsp = stack_end + delivery.rsp_adjust;
    std::uint64_t rsp = from_user ? kernel_stack_end : outer_rsp;
    if (long_mode) {
        rsp &= ~std::uint64_t{15}; // The arena is page aligned, so offsets align like addresses.
    }
    const auto push = [&](Value value, std::uint64_t mask = ~std::uint64_t{0}) {
        rsp -= slot;
        const auto at = static_cast<std::uint32_t>(rsp);
        exit.memory.push_back({Region::l2_memory, at, slot, value, mask, Match::equals});
        if (~mask != 0) {
            exit.memory.push_back({Region::l2_memory, at, slot, {}, ~mask, Match::free});
        }
    };
    std::uint16_t code = l2_selector::code64;
    if (start.mode != L2Mode::long64) {
        code = l2_selector::code32;
    }
    if (from_user) {
        code = start.mode == L2Mode::long64 ? l2_selector::user_code64 : l2_selector::user_code32;
    }
    // A selector slot is wider than a selector; only long mode says what the rest holds.
    const std::uint64_t selector_mask = long_mode ? ~std::uint64_t{0} : 0xffff;
    if (long_mode || from_user) {
        push(from_user ? l2_selector::user_data : l2_selector::data, selector_mask);
        push(delivery.outer_rsp.value_or(in_memory(outer_rsp)));
    }
    push(delivery.rflags, ~svm::rflags::rf);
    push(code, selector_mask);
    push(delivery.return_rip, delivery.return_rip_defined ? ~std::uint64_t{0} : 0);
    if (delivery.error_code) {
        push(*delivery.error_code, ~std::uint64_t{0} << 32 | delivery.error_code_mask);
    }
    exit.fields.push_back({svm::field::rsp, in_memory(rsp)});

    namespace field = svm::field;
    // Delivery clears TF, NT, RF and VM, and an interrupt gate IF. APM2 8.9.4.
    constexpr std::uint64_t cleared =
        svm::rflags::tf | svm::rflags::nt | svm::rflags::rf | svm::rflags::vm | svm::rflags::if_;
    exit.fields.push_back({field::rflags, delivery.rflags & ~cleared});
    const std::uint16_t handler_code = long_mode ? l2_selector::code64 : l2_selector::code32;
    if (handler_code != code) {
        exit.fields.push_back({field::cs_selector, handler_code});
        exit.fields.push_back(
            {field::cs_attributes,
             (long_mode ? svm::code64_attributes() : svm::code32_attributes()).value});
    }
    if (from_user) {
        exit.fields.push_back({field::cpl, 0});
        if (long_mode) {
            // Long mode loads SS with a null selector; its hidden part is not usable then.
            exit.fields.push_back({field::ss_selector, 0});
            exit.fields.push_back({field::ss_attributes, {}, ~std::uint64_t{0}, Match::free});
            exit.fields.push_back({field::ss_limit, {}, ~std::uint64_t{0}, Match::free});
            exit.fields.push_back({field::ss_base, {}, ~std::uint64_t{0}, Match::free});
        } else {
            exit.fields.push_back({field::ss_selector, l2_selector::data});
            exit.fields.push_back({field::ss_attributes, svm::data32_attributes().value});
        }
    }
    return exit;
}

} // namespace vmrunit::cases
