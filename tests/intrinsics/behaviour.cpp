// SPDX-License-Identifier: GPL-2.0-only
// See behaviour.hpp: runs what the linker collected.
#include "tests/intrinsics/behaviour.hpp"

#include "tests/intrinsics/machine.hpp"

extern "C" {
extern const Behaviour* const behaviours_begin[];
extern const Behaviour* const behaviours_end[];
}

namespace {

size_t find(void* behaviour) {
    return static_cast<size_t>(static_cast<const Behaviour*>(behaviour)->find());
}

} // namespace

unsigned run_behaviours() {
    unsigned count = 0;
    machine::enable_local_apic();
    for (const Behaviour* const* entry = behaviours_begin; entry != behaviours_end; ++entry) {
        Behaviour behaviour = **entry;
        machine::print("behaviour ");
        machine::print(behaviour.name);
        const auto found = static_cast<Finding>(guarded_call(find, &behaviour));
        if (last_vector != no_vector) {
            machine::print(" broken vector=");
            machine::print_hex(last_vector);
        } else if (found == Finding::skipped) {
            machine::print(" skipped");
        } else {
            machine::print(found == Finding::holds ? " ok" : " broken");
        }
        machine::print("\n");
        ++count;
    }
    return count;
}
