// SPDX-License-Identifier: GPL-2.0-only
// The case runner: the payload that carries a plan out. It says hello, then for each case begin and
// record, then end. It judges nothing.

#include "guest_payloads/l1/arenas.hpp"
#include "guest_payloads/l1/case_executor.hpp"
#include "guest_payloads/l1/plan_reader.hpp"
#include "guest_payloads/l1/record_stream.hpp"
#include "harness/guest/cpu.hpp"
#include "harness/guest/exceptions.hpp"
#include "harness/guest/paging.hpp"
#include "harness/guest/start.hpp"
#include "harness/guest/svm_mode.hpp"
#include "harness/svm/msr.hpp"
#include "harness/wire/record.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

extern "C" const std::uint8_t build_id_note_begin[];
extern "C" const std::uint8_t build_id_note_end[];

namespace vmrunit::guest {
namespace {

constexpr std::size_t max_frame = 16 * 1024;

constinit RecordStream* stream = nullptr;

/// The descriptor of the build-id note: behind a header of 12 bytes and the name "GNU".
std::span<const std::uint8_t> build_id() {
    constexpr std::size_t before = 16;
    const std::span note{build_id_note_begin, build_id_note_end};
    return note.size() == before + wire::build_id_size ? note.subspan(before)
                                                       : std::span<const std::uint8_t>{};
}

svm::Features read_features() {
    return svm::features_from_cpuid(
        [](std::uint32_t leaf, std::uint32_t subleaf) { return cpuid(leaf, subleaf); });
}

std::uint64_t vm_cr_or(std::uint64_t otherwise) {
    std::uint64_t value = otherwise;
    (void)catch_fault([&] { value = read_msr(Msr::vm_cr); });
    return value;
}

/// Those of svm::payload_leaf.
svm::Features found_features() {
    svm::Features found;
    if ((vm_cr_or(0) & svm::vm_cr::lock) != 0) {
        found.set(svm::Feature::vm_cr_locked);
    }
    if ((cpuid_or_zero(0x8000'0008).eax & 0xff) < 52) {
        found.set(svm::Feature::unused_address_bits);
    }
    return found;
}

constexpr std::uint32_t reported_leaves[][2] = {
    {0, 0},           {1, 0},           {7, 0},           {0xd, 0},         {0x4000'0000, 0},
    {0x8000'0000, 0}, {0x8000'0001, 0}, {0x8000'0002, 0}, {0x8000'0003, 0}, {0x8000'0004, 0},
    {0x8000'0007, 0}, {0x8000'0008, 0}, {0x8000'000a, 0}, {0x8000'0021, 0},
};

void say_hello(RecordStream& out, const BootInfo& boot_info, const PlanReader& plan,
               wire::PlanError error, const svm::Features& features) {
    wire::Hello hello{};
    hello.plan_version = wire::plan_version;
    hello.l1_bits = sizeof(void*) * 8;
    hello.door = static_cast<std::uint8_t>(boot_info.door);
    hello.plan_error = static_cast<std::uint32_t>(error);
    const auto id = build_id();
    for (std::size_t i = 0; i < id.size(); ++i) {
        hello.build_id[i] = id[i];
    }
    hello.case_count = plan.header().case_count;
    hello.cpu_count = 1;
    hello.cpuid_count = std::size(reported_leaves);
    hello.features[0] = features.words()[0];
    hello.features[1] = features.words()[1];
    hello.vm_cr = vm_cr_or(~std::uint64_t{0});

    wire::ByteWriter& payload = out.frames().begin(wire::FrameType::hello);
    payload.bytes(std::as_bytes(std::span{&hello, 1}));
    for (const auto& [leaf, subleaf] : reported_leaves) {
        const CpuidResult result = cpuid(leaf, subleaf);
        const wire::CpuidLeaf entry{leaf, subleaf, result.eax, result.ebx, result.ecx, result.edx};
        payload.bytes(std::as_bytes(std::span{&entry, 1}));
    }
    (void)out.frames().finish();
}

/// "L1 fault: vector 0e at 0000000000101234": the last words of a guest that L1 code or the subject
/// has broken.
void report_unexpected_fault(const Fault& fault, const InterruptFrame&) {
    static constexpr char digits[] = "0123456789abcdef";
    char text[] = "L1 fault: vector .. error ........ at ................";
    const auto put = [&](unsigned at, unsigned count, std::uint64_t value) {
        for (unsigned i = 0; i < count; ++i) {
            text[at + i] = digits[value >> (4 * (count - 1 - i)) & 0xf];
        }
    };
    put(17, 2, static_cast<std::uint64_t>(fault.vector));
    put(26, 8, fault.error_code);
    put(38, 16, fault.rip);
    if (stream != nullptr) {
        stream->log({text, sizeof text - 1});
        stream->flush();
    }
}

/// The ring the plan asks for must lie in memory that is this machine's and nobody else's.
bool ring_fits(const wire::PlanHeader& plan, const BootInfo& boot_info) {
    extern const std::uint8_t image_end asm("image_end");
    const std::uint64_t first_free = reinterpret_cast<std::uintptr_t>(&image_end);
    const std::uint64_t ring_end = plan.ring_address + plan.ring_size;
    const bool apart_from_module =
        ring_end <= boot_info.module_begin || plan.ring_address >= boot_info.module_end;
    return plan.ring_address % page_size == 0 && plan.ring_size > sizeof(wire::RingHeader) &&
           wire::is_ring_size(plan.ring_size - sizeof(wire::RingHeader)) &&
           plan.ring_address >= first_free && plan.ring_address < ring_end &&
           ring_end <= boot_info.memory_end && apart_from_module;
}

void run_plan(PlanReader& plan, RecordStream& out, const svm::Features& features) {
    CaseArena arena{arena_copies[0].live, arena_copies[0].expected, arena_copies[0].pristine,
                    arena_place(layout(), 0)};
    arena.build(layout());
    const SvmMode svm_mode{reinterpret_cast<std::uintptr_t>(&arena_copies[0].live.host_save)};
    const bool measures = (plan.header().flags & wire::plan_measures) != 0;
    CaseExecutor executor{arena, features, plan.header().l1_mode, measures};
    executor.prepare();
    const std::uint64_t start = read_tsc();
    PlanReader::Case plan_case;
    while (plan.next(plan_case)) {
        (void)out.frames().send_begin(plan_case.head.index);
        executor.execute(plan_case, out.frames());
    }
    const wire::EndTicks ticks{read_tsc() - start};
    const auto measured = std::as_bytes(std::span{&ticks, 1});
    (void)out.frames().send(wire::FrameType::end,
                            measures ? measured : std::span<const std::byte>{});
}

} // namespace
} // namespace vmrunit::guest

extern "C" void l1_main(const vmrunit::guest::BootInfo& boot_info) {
    using namespace vmrunit::guest;
    using vmrunit::wire::PlanError;
    alignas(16) static std::byte frame_buffer[max_frame];
    RecordStream out{frame_buffer};
    stream = &out;
    set_unexpected_fault_hook(report_unexpected_fault);

    // Physical addresses below 4 GiB, whatever the width of their type.
    const auto* module =
        reinterpret_cast<const std::byte*>(static_cast<std::uintptr_t>(boot_info.module_begin));
    const auto module_size =
        static_cast<std::size_t>(boot_info.module_end - boot_info.module_begin);
    PlanReader plan{{module, module_size}, build_id()};
    PlanError error = plan.error();
    if (error == PlanError::none && plan.header().ring_size != 0) {
        if (ring_fits(plan.header(), boot_info)) {
            const auto address = static_cast<std::uintptr_t>(plan.header().ring_address);
            out.use_ring(*reinterpret_cast<vmrunit::wire::RingHeader*>(address),
                         plan.header().ring_size - sizeof(vmrunit::wire::RingHeader));
        } else {
            error = PlanError::bad_ring;
        }
    }
    if (error == PlanError::none && svm_obstacle() != SvmObstacle::none) {
        error = PlanError::no_svm;
    }
    if (error == PlanError::none && !use_paging_of(plan.header().l1_mode)) {
        error = PlanError::other_l1_mode;
    }
    const std::uint8_t machine = error == PlanError::none ? plan.header().machine : 0;
    const vmrunit::svm::Features features =
        read_features() | found_features() | vmrunit::svm::features_from_machine(machine);
    say_hello(out, boot_info, plan, error, features);
    if (error == PlanError::none) {
        run_plan(plan, out, features);
    }
    out.flush();
}
