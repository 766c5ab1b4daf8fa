// SPDX-License-Identifier: GPL-2.0-only
// L1 image of the intrinsics test: runs every check of every variant linked into it, then the
// behaviours, and prints one line each on port 0xE9. What a line should say is the driver's
// business.
#include "tests/intrinsics/behaviour.hpp"
#include "tests/intrinsics/machine.hpp"
#include "tests/intrinsics/subject.h"
#include "tests/intrinsics/vmcb_page.hpp"

extern "C" {

extern const variant* const variants_begin[];
extern const variant* const variants_end[];

volatile size_t distant_value = 0x600d;

size_t distant_function(size_t value) {
    return value * 3 + 1;
}

[[noreturn]] void payload_main();
}

namespace {

VmcbPage host_save_area;

void print_field(const char* name, uint64_t value) {
    machine::print(name);
    machine::print_hex(value);
}

struct Call {
    const check* what;
    l1_state* l1;
};

size_t run_check(void* argument) {
    const Call& call = *static_cast<const Call*>(argument);
    return call.what->run(call.l1);
}

void fill(l1_state& l1) {
    l1.vmcb_physical_address = main_vmcb.physical_address();
    l1.l2_rip = &main_vmcb.at<unsigned long long>(vmcb_offset::rip);
    l1.l2_start = reinterpret_cast<size_t>(l2_trash_everything);
    l1.area_length = 11;
    for (size_t n = 0; n < seed_count; ++n) {
        const size_t value = 0x0101'0101u * (n + 1) + (n << 4 << 12);
        l1.seed[n] = value;
        l1.expected[n] = value;
    }
}

// The first check that finds something ends the variant: what it damaged may be anything.
bool run_variant(const variant& subject) {
    machine::print("variant ");
    machine::print(subject.name);
    unsigned vmruns = 0;
    for (size_t n = 0; n < subject.check_count; ++n) {
        const check& what = subject.checks[n];
        static l1_state l1;
        fill(l1);
        main_vmcb.prepare(l2_trash_everything);
        const uint32_t before = l2_runs;
        Call call{&what, &l1};
        const size_t wrong = guarded_call(run_check, &call);
        const uint64_t exit_code = main_vmcb.at<uint64_t>(vmcb_offset::exit_code);
        const uint32_t ran = l2_runs - before;
        vmruns += ran;
        if (wrong != 0 || last_vector != no_vector || convention_broken != 0 ||
            ran != what.vmruns || exit_code != exit_code_vmmcall) {
            machine::print(" broken check=");
            machine::print(what.name);
            print_field(" wrong=", wrong);
            print_field(" convention=", convention_broken);
            print_field(" vector=", last_vector);
            print_field(" vmruns=", ran);
            print_field(" exit_code=", exit_code);
            machine::print("\n");
            return false;
        }
    }
    machine::print(" ok checks=");
    machine::print_decimal(static_cast<unsigned>(subject.check_count));
    machine::print(" vmruns=");
    machine::print_decimal(vmruns);
    machine::print("\n");
    return true;
}

} // namespace

void payload_main() {
    machine::load_descriptor_tables();
    machine::write(machine::Msr::efer, machine::read(machine::Msr::efer) | machine::efer_svme);
    machine::write(machine::Msr::vm_hsave_pa, host_save_area.physical_address());

    unsigned variants = 0;
    for (const variant* const* subject = variants_begin; subject != variants_end; ++subject) {
        run_variant(**subject);
        ++variants;
    }
    const unsigned behaviours = run_behaviours();
    machine::print("end variants=");
    machine::print_decimal(variants);
    machine::print(" behaviours=");
    machine::print_decimal(behaviours);
    machine::print("\n");
    machine::reset();
}
