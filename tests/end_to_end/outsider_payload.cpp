// SPDX-License-Identifier: GPL-2.0-only
// Somebody else's payload on the guest library: it carries out plans like the case runner, and
// lies, floods, hangs and dies where the routine "misbehave" is called.

#include "guest_payloads/l1/arenas.hpp"
#include "guest_payloads/l1/case_executor.hpp"
#include "guest_payloads/l1/plan_reader.hpp"
#include "harness/guest/cpu.hpp"
#include "harness/guest/exceptions.hpp"
#include "harness/guest/routine.hpp"
#include "harness/guest/start.hpp"
#include "harness/guest/svm_mode.hpp"
#include "harness/wire/record.hpp"
#include "tests/end_to_end/saboteur.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

extern "C" const std::uint8_t build_id_note_begin[];
extern "C" const std::uint8_t build_id_note_end[];

namespace outsider {
namespace {

namespace wire = vmrunit::wire;
using namespace vmrunit::guest;

constexpr std::size_t max_frame = 16 * 1024;

constinit Saboteur* saboteur = nullptr;

std::span<const std::uint8_t> build_id() {
    constexpr std::size_t before = 16; // header and name of the note
    return std::span{build_id_note_begin, build_id_note_end}.subspan(before);
}

vmrunit::svm::Features read_features() {
    return vmrunit::svm::features_from_cpuid(
        [](std::uint32_t leaf, std::uint32_t subleaf) { return cpuid(leaf, subleaf); });
}

void say_hello(RecordFrames& frames, const PlanReader& plan,
               const vmrunit::svm::Features& features) {
    wire::Hello hello{};
    hello.plan_version = wire::plan_version;
    hello.l1_bits = 64;
    hello.plan_error = static_cast<std::uint32_t>(plan.error());
    for (std::size_t i = 0; i < wire::build_id_size; ++i) {
        hello.build_id[i] = build_id()[i];
    }
    hello.case_count = plan.header().case_count;
    hello.cpu_count = 1;
    hello.features[0] = features.words()[0];
    hello.features[1] = features.words()[1];
    hello.vm_cr = read_msr(Msr::vm_cr);
    (void)frames.send(wire::FrameType::hello, std::as_bytes(std::span{&hello, 1}));
}

VMRUNIT_ROUTINE(sum_to) {
    std::uint64_t sum = 0;
    for (std::uint32_t i = 1; i <= call.argument; ++i) {
        sum += i;
    }
    call.report(sum);
}

/// What is wrong with it is done around it, in run_case(): here it is as honest as any.
VMRUNIT_ROUTINE(misbehave) {
    call.report(call.argument);
}

/// The misbehaviour that the case asks for, if it does.
const wire::Op* call_of_misbehave(const PlanReader::Case& plan_case) {
    for (const wire::Op& op : plan_case.ops) {
        if (op.code == wire::Op::Code::call &&
            op.value == reinterpret_cast<std::uintptr_t>(&routine_misbehave)) {
            return &op;
        }
    }
    return nullptr;
}

void report_last_words(const Fault&, const InterruptFrame&) {
    saboteur->log("last words");
}

/// False where the plan is to end early.
bool run_case(const PlanReader::Case& plan_case, CaseExecutor& executor, RecordFrames& frames,
              Saboteur& saboteur) {
    const std::uint32_t index = plan_case.head.index;
    (void)frames.send_begin(index);
    const wire::Op* call = call_of_misbehave(plan_case);
    if (call == nullptr) {
        executor.execute(plan_case, frames);
        return true;
    }
    const auto misbehaviour = static_cast<Misbehaviour>(call->offset);
    switch (saboteur.instead_of_record(misbehaviour, index)) {
    case Next::record:
        executor.execute(plan_case, frames);
        saboteur.behind_record(misbehaviour, index);
        return true;
    case Next::case_without_record:
        return true;
    case Next::end:
        return false;
    }
    return false;
}

void run_plan(PlanReader& plan, RecordFrames& frames, Saboteur& saboteur,
              const vmrunit::svm::Features& features) {
    CaseArena arena{arena_copies[0].live, arena_copies[0].expected, arena_copies[0].pristine,
                    arena_place(layout(), 0)};
    arena.build(layout());
    const SvmMode svm_mode{reinterpret_cast<std::uintptr_t>(&arena_copies[0].live.host_save)};
    CaseExecutor executor{arena, features, plan.header().l1_mode, false};
    executor.prepare();
    PlanReader::Case plan_case;
    while (plan.next(plan_case)) {
        if (!run_case(plan_case, executor, frames, saboteur)) {
            break;
        }
    }
    (void)frames.send(wire::FrameType::end, {});
}

} // namespace
} // namespace outsider

extern "C" void l1_main(const vmrunit::guest::BootInfo& boot_info) {
    using namespace outsider;
    alignas(16) static std::byte buffer[max_frame];
    alignas(16) static std::byte saboteur_buffer[max_frame];
    RecordSink sink;
    wire::FrameSequence sequence;
    RecordFrames frames{buffer, sequence, sink};

    const auto* module = reinterpret_cast<const std::byte*>(boot_info.module_begin);
    PlanReader plan{{module, boot_info.module_end - boot_info.module_begin}, build_id()};
    wire::RingHeader* ring = nullptr;
    if (plan.error() == wire::PlanError::none && plan.header().ring_size != 0) {
        ring = reinterpret_cast<wire::RingHeader*>(plan.header().ring_address);
        sink.use_ring(*ring, plan.header().ring_size - sizeof(wire::RingHeader));
    }
    const vmrunit::svm::Features features = read_features();
    const auto hello = [&] { say_hello(frames, plan, features); };
    Saboteur odd{saboteur_buffer, sequence, sink, ring, hello};
    saboteur = &odd;
    set_unexpected_fault_hook(report_last_words);
    hello();
    if (plan.error() == wire::PlanError::none) {
        run_plan(plan, frames, odd, features);
    }
    sink.flush();
}
