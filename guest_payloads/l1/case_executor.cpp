// SPDX-License-Identifier: GPL-2.0-only
#include "guest_payloads/l1/case_executor.hpp"

#include "harness/guest/cpu.hpp"
#include "harness/guest/exceptions.hpp"
#include "harness/guest/routine.hpp"
#include "harness/guest/svm_instructions.hpp"
#include "harness/svm/msr.hpp"

#include <cstddef>
#include <optional>

namespace vmrunit::guest {

using wire::CaseOutcome;
using wire::ObservationHeader;
using wire::ObservationKind;
using wire::Op;

namespace {

/// An observation under construction: its header is patched in when the counts are known.
class Observation {
public:
    Observation(wire::ByteWriter& out, ObservationKind kind) : out_(out), at_(out.size()) {
        header_.kind = kind;
        put(header_);
    }

    void fault(const Fault& fault) {
        header_.fault = static_cast<std::uint8_t>(static_cast<unsigned>(fault.vector) + 1);
        header_.fault_error = fault.has_error_code ? fault.error_code : 0;
    }
    void vmcb(std::uint32_t where, std::uint64_t value) {
        change(header_.vmcb_words, where, value);
    }
    void memory(Region region, std::uint32_t where, std::uint64_t value) {
        change(header_.memory_words, static_cast<std::uint32_t>(region) << 24 | where, value);
    }
    void reg(std::uint32_t number, std::uint64_t value) {
        change(header_.register_words, number, value);
    }
    void l1(wire::L1State state, std::uint64_t value) {
        change(header_.l1_words, static_cast<std::uint32_t>(state), value);
    }
    void value(std::uint64_t number) {
        ++header_.values;
        out_.u64(number);
    }
    /// Writes the counts into the header, which was sent with zeros.
    void close() {
        out_.patch_u32(at_, static_cast<std::uint32_t>(header_.kind) |
                                static_cast<std::uint32_t>(header_.fault) << 8 |
                                static_cast<std::uint32_t>(header_.vmcb_words) << 16);
        out_.patch_u16(at_ + offsetof(ObservationHeader, memory_words), header_.memory_words);
        out_.patch_u16(at_ + offsetof(ObservationHeader, register_words), header_.register_words);
        out_.patch_u16(at_ + offsetof(ObservationHeader, l1_words), header_.l1_words);
        out_.patch_u16(at_ + offsetof(ObservationHeader, values), header_.values);
        out_.patch_u32(at_ + offsetof(ObservationHeader, fault_error), header_.fault_error);
    }

private:
    template<class Value>
    void put(const Value& value) {
        out_.bytes(std::as_bytes(std::span{&value, 1}));
    }
    void change(std::uint16_t& count, std::uint32_t where, std::uint64_t value) {
        ++count;
        put(wire::WordChange{where, static_cast<std::uint32_t>(value),
                             static_cast<std::uint32_t>(value >> 32)});
    }

    wire::ByteWriter& out_;
    std::size_t at_;
    ObservationHeader header_{};
};

} // namespace

void CaseExecutor::prepare() {
    l1_.capture();
    vmsave(reinterpret_cast<std::uintptr_t>(&arena_.live().l1_state));
}

void CaseExecutor::execute(const PlanReader::Case& plan_case, RecordFrames& frames) {
    wire::ByteWriter& out = frames.begin(wire::FrameType::record);
    const std::size_t head = out.size();
    wire::RecordHeader header{};
    header.index = plan_case.head.index;
    out.bytes(std::as_bytes(std::span{&header, 1}));

    observations_ = 0;
    detail_[0] = detail_[1] = 0;
    const CaseOutcome outcome = perform(plan_case, out);
    l1_.undo_writes();
    if (measures_) {
        report_phases(out);
    }
    out.patch_u32(head + offsetof(wire::RecordHeader, outcome),
                  static_cast<std::uint32_t>(outcome) | std::uint32_t{observations_} << 8);
    for (unsigned i = 0; i < 2; ++i) {
        const std::size_t at = head + offsetof(wire::RecordHeader, detail) + i * 8;
        out.patch_u32(at, static_cast<std::uint32_t>(detail_[i]));
        out.patch_u32(at + 4, static_cast<std::uint32_t>(detail_[i] >> 32));
    }
    if (!frames.finish()) {
        header.outcome = static_cast<std::uint8_t>(CaseOutcome::record_overflow);
        (void)frames.send(wire::FrameType::record, std::as_bytes(std::span{&header, 1}));
    }
}

namespace {

/// A subject that loses the segment bases or takes other page tables for its own sends L2 to
/// address 0. UD2 stands there, or it would run through memory that others need and write to it.
void end_of_strays() {
    constexpr std::uint16_t ud2 = 0x0b0f;
    asm volatile("movw %w0, (%1)" : : "r"(ud2), "r"(std::uintptr_t{0}) : "memory");
}

} // namespace

CaseOutcome CaseExecutor::perform(const PlanReader::Case& plan_case, wire::ByteWriter& out) {
    const auto skip = [this](const svm::Features& why, CaseOutcome outcome) {
        const auto words = why.words();
        detail_[0] = words[0];
        detail_[1] = words[1];
        return outcome;
    };
    const auto needs = svm::Features::from_words(plan_case.head.needs[0], plan_case.head.needs[1]);
    if (!features_.contains_all(needs)) {
        return skip(features_.missing(needs), CaseOutcome::missing_feature);
    }
    const auto without =
        svm::Features::from_words(plan_case.head.without[0], plan_case.head.without[1]);
    if (features_.contains_any(without)) {
        return skip(features_ & without, CaseOutcome::present_feature);
    }
    phases_ = {};
    cr4s_ = 0;
    const std::uint64_t before = measures_ ? read_tsc() : 0;
    arena_.reset(
        {plan_case.head.mode, plan_case.head.cpl, plan_case.head.nested_paging != 0, l1_mode_});
    l1_.freshen();
    end_of_strays();
    if (measures_) {
        phases_.reset = read_tsc() - before;
    }
    for (const Op& op : plan_case.ops) {
        const CaseOutcome outcome = perform_op(op, out);
        if (outcome != CaseOutcome::ran) {
            return outcome;
        }
    }
    return CaseOutcome::ran;
}

CaseOutcome CaseExecutor::perform_op(const Op& op, wire::ByteWriter& out) {
    switch (op.code) {
    case Op::Code::write:
    case Op::Code::set_bits:
    case Op::Code::clear_bits:
    case Op::Code::fill:
        return arena_.apply(op) ? CaseOutcome::ran : CaseOutcome::bad_plan;
    case Op::Code::l1_write:
        take_vmload_state_back();
        return l1_.write(op) ? CaseOutcome::ran : CaseOutcome::bad_plan;
    case Op::Code::run:
        return run(op.value != 0 ? op.value : arena_.address() + offsetof(Arena, vmcb), out);
    case Op::Code::call:
        return call(op, out);
    case Op::Code::measure:
        return measure(op.offset, out);
    }
    return CaseOutcome::bad_plan;
}

void CaseExecutor::take_vmload_state_back() {
    if (vmload_state_is_foreign_) {
        vmload(reinterpret_cast<std::uintptr_t>(&arena_.live().l1_state));
        vmload_state_is_foreign_ = false;
    }
}

CaseOutcome CaseExecutor::run(std::uint64_t vmcb, wire::ByteWriter& out) {
    L2Registers registers = arena_.registers();
    RunEdge edge{};
    Arena& live = arena_.live();
    const std::uint64_t start = measures_ ? read_tsc() : 0;

    // FS, GS, TR and LDTR are not VMRUN's business: VMLOAD gives L2 its own. L1 needs none of them
    // between cases, and a VMLOAD more costs it an exit on many a hypervisor: it has its own back
    // when somebody asks for them.
    vmload(arena_.address() + offsetof(Arena, vmcb));
    vmload_state_is_foreign_ = true;
    const std::optional<Fault> fault =
        catch_fault([&] { vmrunit_run_l2(vmcb, &registers, &edge); });
    if (!fault) {
        stgi();
    }

    const std::uint64_t ran = measures_ ? read_tsc() : 0;
    L2Trace trace = trace_of_l2(vmcb);
    cr4s_ |= trace.cr4s;
    trace.cr4s = cr4s_;
    l1_.read_intercepted(trace);
    Observation observation{out, ObservationKind::exit};
    ++observations_;
    if (fault) {
        observation.fault(*fault);
    }
    const std::uint64_t guest_dr7 = live.vmcb.save.dr7;
    arena_.collect_changes(
        offsetof(Arena, vmcb), sizeof(svm::Vmcb),
        [&](std::uint32_t where, std::uint64_t value) { observation.vmcb(where, value); });
    arena_.collect_memory_changes([&](Region region, std::uint32_t where, std::uint64_t value) {
        observation.memory(region, where, value);
    });
    if (!fault) {
        for (unsigned i = 0; i < register_count; ++i) {
            if (registers.value[i] != arena_.registers().value[i]) {
                observation.reg(i, registers.value[i]);
            }
        }
        l1_.check(edge, vmcb, trace,
                  [&](wire::L1State state, std::uint64_t value) { observation.l1(state, value); });
        L1StateKeeper::disarm(guest_dr7);
    }
    observation.close();
    if (measures_) {
        phases_.run += ran - start;
        phases_.compare += read_tsc() - ran;
    }
    return CaseOutcome::ran;
}

L2Trace CaseExecutor::trace_of_l2(std::uint64_t vmcb) const {
    const svm::SaveArea& before = arena_.expected().vmcb.save;
    const svm::SaveArea& after = arena_.live().vmcb.save;
    const bool unknown = vmcb != arena_.address() + offsetof(Arena, vmcb);
    const auto differs = [&](auto field, std::uint64_t from) {
        return unknown || before.*field != from || after.*field != from;
    };
    const std::uint64_t cr4 = l1_.expected(wire::L1State::cr4);
    return {.cr2 = after.cr2,
            .cr4s = unknown ? ~std::uint64_t{0} : (before.cr4 ^ cr4) | (after.cr4 ^ cr4),
            .other_efer = differs(&svm::SaveArea::efer, l1_.expected(wire::L1State::efer)),
            .other_dr7 = differs(&svm::SaveArea::dr7, l1_.expected(wire::L1State::dr7)),
            .other_pat = differs(&svm::SaveArea::g_pat, svm::pat_reset)};
}

CaseOutcome CaseExecutor::call(const Op& op, wire::ByteWriter& out) {
    take_vmload_state_back();
    RoutineCall call{arena_.live(), arena_.address(), op.offset};
    const auto routine = reinterpret_cast<Routine>(static_cast<std::uintptr_t>(op.value));
    const std::optional<Fault> fault = catch_fault([&] { routine(call); });
    l1_.read_intercepted();
    arena_.distrust();
    L1StateKeeper::forget_addresses();
    // Whatever the routine did to GIF and to the arena ends with it. L1's own state it puts back.
    vmload_state_is_foreign_ = true; // For all that is known of a routine.
    take_vmload_state_back();
    if (!call.leaves_gif_clear) {
        stgi();
    }
    arena_.collect_changes(offsetof(Arena, vmcb), sizeof(svm::Vmcb),
                           [](std::uint32_t, std::uint64_t) {});
    arena_.collect_memory_changes([](Region, std::uint32_t, std::uint64_t) {});
    Observation observation{out, ObservationKind::call};
    ++observations_;
    if (fault) {
        observation.fault(*fault);
    }
    l1_.check([&](wire::L1State state, std::uint64_t value) { observation.l1(state, value); });
    for (unsigned i = 0; i < call.value_count; ++i) {
        observation.value(call.values[i]);
    }
    observation.close();
    return CaseOutcome::ran;
}

CaseOutcome CaseExecutor::measure(std::uint32_t count, wire::ByteWriter& out) {
    svm::Vmcb& vmcb = arena_.live().vmcb;
    const std::uint64_t rip = vmcb.save.rip;
    const std::uint64_t ticks =
        vmrunit_measure_runs(reinterpret_cast<std::uintptr_t>(&vmcb), count, &vmcb.save.rip, rip);
    stgi();
    arena_.collect_changes(offsetof(Arena, vmcb), sizeof(svm::Vmcb),
                           [](std::uint32_t, std::uint64_t) {});
    Observation observation{out, ObservationKind::measurement};
    ++observations_;
    observation.value(count);
    observation.value(ticks);
    observation.close();
    return CaseOutcome::ran;
}

void CaseExecutor::report_phases(wire::ByteWriter& out) {
    Observation observation{out, ObservationKind::measurement};
    ++observations_;
    observation.value(phases_.reset);
    observation.value(phases_.run);
    observation.value(phases_.compare);
    observation.close();
}

} // namespace vmrunit::guest
