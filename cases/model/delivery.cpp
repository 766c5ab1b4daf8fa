// SPDX-License-Identifier: GPL-2.0-only
#include "cases/model/delivery.hpp"

#include "harness/svm/cpu.hpp"

#include <utility>

namespace vmrunit::cases {

namespace {

constexpr std::uint32_t stack_end = offsetof(L2Memory, stack) + sizeof(L2Memory::stack);
constexpr std::uint32_t kernel_stack_end =
    offsetof(L2Memory, kernel_stack) + sizeof(L2Memory::kernel_stack);

/// Frame and state of a delivery under construction.
class Frame {
public:
    Frame(ExitExpectation& exit, std::uint64_t rsp, std::uint8_t slot)
        : exit_(exit), rsp_(rsp), slot_(slot) {}

    /// What of a slot is not judged is free.
    void push(Value value, std::uint64_t mask = ~std::uint64_t{0}) {
        rsp_ -= slot_;
        const auto at = static_cast<std::uint32_t>(rsp_);
        exit_.memory.push_back({Region::l2_memory, at, slot_, value, mask, Match::equals});
        if (~mask != 0) {
            exit_.memory.push_back({Region::l2_memory, at, slot_, {}, ~mask, Match::free});
        }
    }
    [[nodiscard]] std::uint64_t rsp() const { return rsp_; }

private:
    ExitExpectation& exit_;
    std::uint64_t rsp_;
    std::uint8_t slot_;
};

/// Bytes of a stack slot: of the gate, or of real mode.
std::uint8_t slot_size(L2Mode mode) {
    if (is_long_mode(mode)) {
        return 8;
    }
    return is_real_mode(mode) || mode == L2Mode::prot16 ? 2 : 4;
}

svm::SaveArea fresh_state(const L2Start& start) {
    svm::Vmcb vmcb{};
    fresh_vmcb(vmcb, {}, start);
    return vmcb.save;
}
/// CS as L2 begins. Where no descriptor table is between, it is an address of the payload.
Value code_selector(const L2Start& start) {
    if (is_real_mode(start.mode) || start.mode == L2Mode::v86) {
        return fresh(svm::field::cs_selector);
    }
    return fresh_state(start).cs.selector;
}

Value handler_selector(L2Mode mode) {
    if (is_real_mode(mode)) {
        return low_handlers_selector;
    }
    if (mode == L2Mode::prot16) {
        return l2_selector::handler_code16;
    }
    return is_long_mode(mode) ? l2_selector::code64 : l2_selector::code32;
}

FieldExpectation free_field(svm::FieldRef field) {
    return {field, {}, ~std::uint64_t{0}, Match::free};
}

/// A null selector was loaded: nothing of the hidden part means anything.
void null_segment(ExitExpectation& exit, svm::FieldRef selector, svm::FieldRef attributes,
                  svm::FieldRef limit, svm::FieldRef base) {
    exit.fields.push_back({selector, 0});
    for (const svm::FieldRef hidden : {attributes, limit, base}) {
        exit.fields.push_back(free_field(hidden));
    }
}

namespace field = svm::field;

/// Real mode changes CS:IP and nothing else of the segments. APM2 8.6.
void enter_real_handler(ExitExpectation& exit) {
    exit.fields.push_back({field::cs_selector, low_handlers_selector});
    exit.fields.push_back({field::cs_base, low_handlers});
}

/// CS of the handler, and the stack segment that the TSS gives where the privilege level changes.
void enter_protected_handler(ExitExpectation& exit, const L2Start& start) {
    const bool long_mode = is_long_mode(start.mode);
    const bool from_user = start.cpl == 3;
    const bool from_low = is_16bit(start.mode);
    if (start.mode == L2Mode::prot16) {
        exit.fields.push_back({field::cs_selector, l2_selector::handler_code16});
        exit.fields.push_back({field::cs_attributes, svm::code16_attributes().value});
        exit.fields.push_back({field::cs_base, low_handlers});
    } else if (from_user || start.mode == L2Mode::compat) {
        exit.fields.push_back(
            {field::cs_selector, long_mode ? l2_selector::code64 : l2_selector::code32});
        exit.fields.push_back(
            {field::cs_attributes,
             (long_mode ? svm::code64_attributes() : svm::code32_attributes()).value});
        if (from_low) {
            exit.fields.push_back({field::cs_limit, world::flat_limit});
            exit.fields.push_back({field::cs_base, 0});
        }
    }
    if (!from_user) {
        return;
    }
    exit.fields.push_back({field::cpl, 0});
    if (long_mode) {
        // Long mode loads SS with a null selector; its hidden part is not usable then.
        null_segment(exit, field::ss_selector, field::ss_attributes, field::ss_limit,
                     field::ss_base);
    } else if (start.mode == L2Mode::prot16) {
        exit.fields.push_back({field::ss_selector, l2_selector::data16});
        exit.fields.push_back({field::ss_attributes, svm::data16_attributes().value});
    } else {
        exit.fields.push_back({field::ss_selector, l2_selector::data});
        exit.fields.push_back({field::ss_attributes, svm::data32_attributes().value});
        if (from_low) {
            exit.fields.push_back({field::ss_limit, world::flat_limit});
        }
    }
    if (start.mode == L2Mode::v86) {
        null_segment(exit, field::es_selector, field::es_attributes, field::es_limit,
                     field::es_base);
        null_segment(exit, field::ds_selector, field::ds_attributes, field::ds_limit,
                     field::ds_base);
    }
}

/// A selector slot may be wider than a selector; only long mode says what the rest holds.
std::uint64_t selector_mask(L2Mode mode) {
    return is_long_mode(mode) ? ~std::uint64_t{0} : 0xffff;
}

/// Delivery clears TF, NT, RF and VM, and an interrupt gate IF; real mode has no NT or VM to clear,
/// and clears AC. APM2 8.6, 8.9.4.
std::uint64_t flags_of_handler(L2Mode mode, std::uint64_t rflags) {
    namespace flag = svm::rflags;
    const std::uint64_t cleared = is_real_mode(mode)
                                      ? flag::tf | flag::rf | flag::ac | flag::if_
                                      : flag::tf | flag::nt | flag::rf | flag::vm | flag::if_;
    return rflags & ~cleared;
}

/// From the state that L2 begins in.
Frame first_frame(ExitExpectation& exit, const L2Start& start, const Delivery& delivery,
                  std::uint64_t rflags) {
    const bool from_user = start.cpl == 3;
    const bool long_mode = is_long_mode(start.mode);
    const std::uint64_t outer_rsp = stack_end + delivery.rsp_adjust;
    std::uint64_t rsp = from_user ? kernel_stack_end : outer_rsp;
    if (long_mode) {
        rsp &= ~std::uint64_t{15}; // The arena is page aligned, so offsets align like addresses.
    }
    Frame frame{exit, rsp, slot_size(start.mode)};
    const svm::SaveArea begun = fresh_state(start);
    if (start.mode == L2Mode::v86) {
        for (const svm::Segment& segment : {begun.gs, begun.fs, begun.ds, begun.es}) {
            frame.push(segment.selector, selector_mask(start.mode));
        }
    }
    if (long_mode || from_user) {
        frame.push(begun.ss.selector, selector_mask(start.mode));
        frame.push(delivery.outer_rsp.value_or(in_memory(outer_rsp)));
    }
    // 16-bit frames have no RF.
    const bool pushes_rf = delivery.rf_is_pushed && slot_size(start.mode) != 2;
    frame.push(pushes_rf ? rflags : rflags & ~svm::rflags::rf,
               pushes_rf ? ~std::uint64_t{0} : ~svm::rflags::rf);
    frame.push(code_selector(start), selector_mask(start.mode));
    frame.push(delivery.return_rip, delivery.return_rip_defined ? ~std::uint64_t{0} : 0);
    if (delivery.error_code && !is_real_mode(start.mode)) {
        // A 16-bit gate pushes the lower half of it.
        const std::uint64_t code_mask = slot_size(start.mode) == 2 ? 0xffff : ~std::uint64_t{0};
        frame.push(*delivery.error_code & code_mask,
                   ~std::uint64_t{0} << 32 | delivery.error_code_mask);
    }
    return frame;
}

/// From the handler of an event before, with the flags that it begins with.
Frame second_frame(ExitExpectation& exit, const L2Start& start, std::uint64_t rsp,
                   std::uint8_t interrupted, std::uint64_t rflags) {
    const bool long_mode = is_long_mode(start.mode);
    Frame frame{exit, long_mode ? rsp & ~std::uint64_t{15} : rsp, slot_size(start.mode)};
    if (long_mode) {
        frame.push(start.cpl == 3 ? std::uint64_t{0} : fresh_state(start).ss.selector);
        frame.push(in_memory(rsp));
    }
    frame.push(rflags, ~svm::rflags::rf);
    frame.push(handler_selector(start.mode), selector_mask(start.mode));
    frame.push(at_handler(interrupted));
    return frame;
}

ExitExpectation in_handler(std::uint8_t vector) {
    ExitExpectation exit;
    exit.exit_code = svm::ExitCode::vmmcall;
    exit.rip = at_handler(vector);
    exit.next_rip = Value{Anchor::handler, vector, 3};
    return exit;
}

ExitExpectation with_state(ExitExpectation exit, const L2Start& start, const Frame& frame,
                           std::uint64_t rflags) {
    exit.fields.push_back({field::rsp, in_memory(frame.rsp())});
    exit.fields.push_back({field::rflags, rflags});
    if (is_real_mode(start.mode)) {
        enter_real_handler(exit);
    } else {
        enter_protected_handler(exit, start);
    }
    return exit;
}

/// As it is pushed.
std::uint64_t flags_before(const L2Start& start, const Delivery& delivery) {
    return delivery.rflags | (start.mode == L2Mode::v86 ? svm::rflags::vm : 0);
}

} // namespace

ExitExpectation delivered(const L2Start& start, const Delivery& delivery) {
    ExitExpectation exit = in_handler(delivery.vector);
    const std::uint64_t rflags = flags_before(start, delivery);
    const Frame frame = first_frame(exit, start, delivery, rflags);
    return with_state(std::move(exit), start, frame, flags_of_handler(start.mode, rflags));
}

ExitExpectation delivered(const L2Start& start, const Delivery& first, std::uint8_t second) {
    ExitExpectation exit = in_handler(second);
    const std::uint64_t before = flags_before(start, first);
    const std::uint64_t between = flags_of_handler(start.mode, before);
    const std::uint64_t rsp = first_frame(exit, start, first, before).rsp();
    const Frame frame = second_frame(exit, start, rsp, first.vector, between);
    return with_state(std::move(exit), start, frame, flags_of_handler(start.mode, between));
}

} // namespace vmrunit::cases
