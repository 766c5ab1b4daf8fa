// SPDX-License-Identifier: GPL-2.0-only
// Starts the other CPUs of the machine, looks at what each has for itself, sends them interrupts
// and starts one of them again. Needs four CPUs with APIC ids 0 to 3 less one: id 3 must be
// missing.

#include "harness/guest/apic.hpp"
#include "harness/guest/cpu.hpp"
#include "harness/guest/exceptions.hpp"
#include "harness/guest/per_cpu.hpp"
#include "harness/guest/second_cpu.hpp"
#include "harness/guest/start.hpp"
#include "tests/guest/print.hpp"

using namespace vmrunit::guest;
using vmrunit::guest_test::print;

namespace {

struct Seen {
    std::uint64_t apic_id, index, cr0, cr4, efer, rsp, gdt, tr, dr7, fault_vector;
};

struct Work {
    Seen seen;
    std::uint32_t ready; // stored by another CPU
};
constinit Work works[3]{};

template<class Number>
Number peek(const Number& number) {
    return *const_cast<const volatile Number*>(&number);
}

void look_around(void* context) {
    Work& work = *static_cast<Work*>(context);
    const auto fault = catch_fault([] { asm volatile("ud2"); });
    work.seen = {
        .apic_id = LocalApic{}.id(),
        .index = current_cpu().index,
        .cr0 = read_cr0(),
        .cr4 = read_cr4(),
        .efer = read_msr(Msr::efer),
        .rsp = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)),
        .gdt = read_gdtr().base,
        .tr = read_tr(),
        .dr7 = read_dr7(),
        .fault_vector = fault ? static_cast<std::uint64_t>(fault->vector) : 0xff,
    };
    __atomic_store_n(&work.ready, 1, __ATOMIC_RELEASE);

    const EventCounts& events = current_cpu().events;
    while (peek(events.nmis) == 0 || peek(events.interrupts) == 0) {
        take_pending_interrupts();
        pause();
    }
}

void run_until_init(void* context) {
    __atomic_store_n(&static_cast<Work*>(context)->ready, 2, __ATOMIC_RELEASE);
    for (;;)
        pause();
}

bool wait_for_finish(std::uint32_t index) {
    for (std::uint64_t begin = read_tsc(); read_tsc() - begin < std::uint64_t{1} << 34; pause()) {
        if (cpu_finished(index))
            return true;
    }
    return false;
}

void print_start(std::string_view name, CpuStart result) {
    print(name, static_cast<std::uint64_t>(result));
}

void look_at(std::uint32_t index) {
    Work& work = works[index];
    print("case", index == 1 ? "cpu1" : "cpu2");
    print_start("start", start_cpu(index, index, look_around, &work));
    while (peek(work.ready) == 0)
        pause();
    const Seen& seen = work.seen;
    print("apic_id", seen.apic_id);
    print("index", seen.index);
    print("same_baseline", seen.cr0 == read_cr0() && seen.cr4 == read_cr4() &&
                               seen.efer == read_msr(Msr::efer) && seen.dr7 == read_dr7() &&
                               seen.tr == read_tr());
    print("own_stack", seen.rsp < stack_top(index) && seen.rsp >= stack_top(index - 1));
    print("own_gdt", seen.gdt == reinterpret_cast<std::uint64_t>(&cpu_by_index(index).gdt));
    print("fault_vector", seen.fault_vector);
    print("finished_before", cpu_finished(index));
    const LocalApic apic;
    apic.send_nmi(index);
    apic.send_fixed(index, 0x77);
    print("finished", wait_for_finish(index));
    const EventCounts& events = cpu_by_index(index).events;
    print("nmis", events.nmis);
    print("interrupts", events.interrupts);
    print("vector", events.last_interrupt_vector);
}

} // namespace

extern "C" void l1_main(const BootInfo&) {
    look_at(1);
    look_at(2);

    print("case", "restart");
    print_start("running", start_cpu(1, 1, run_until_init, &works[1]));
    while (peek(works[1].ready) != 2)
        pause();
    print("finished_first", cpu_finished(1));
    print_start("again", start_cpu(
                             1, 1, [](void*) {}, nullptr));
    print("finished_second", wait_for_finish(1));

    print("case", "refused");
    print_start("index_0", start_cpu(1, 0, look_around, nullptr));
    print_start("index_too_great", start_cpu(1, maximum_cpus, look_around, nullptr));
    print_start("self", start_cpu(0, 1, look_around, nullptr));
    print_start("missing", start_cpu(3, 3, look_around, nullptr));
    print("own_faults", current_cpu().fault_count);
    print("own_interrupts", current_cpu().events.interrupts);
    vmrunit::guest_test::print_end();
}
