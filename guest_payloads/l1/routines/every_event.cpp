// SPDX-License-Identifier: GPL-2.0-only
// VMRUNs with each vector of a type of event that cannot be injected. APM2 15.20.

#include "harness/guest/routine.hpp"

#include <cstring>
#include <intrin.h>

namespace vmrunit::guest {
namespace {

constexpr std::uint32_t type_mask = 7;
constexpr std::uint32_t with_error_code = 0x08;
constexpr std::uint32_t not_valid = 0x10;
constexpr std::uint32_t from_vector_32 = 0x20;

} // namespace

/// Argument: the type, with 8 for an error code, 10h for V clear, 20h for the vectors from 32 on
/// instead of all. Reports how many VMRUNs were refused, how many entered, and the first vector
/// with which one did otherwise than with the vector before; 256 if none did.
VMRUNIT_ROUTINE(vmrun_every_vector) {
    using svm::EventInformation;
    constexpr std::uint32_t vectors = 256;
    svm::Vmcb& fresh = call.arena.spare_vmcb;
    fresh = call.arena.vmcb;
    constexpr unsigned directory_pointers = 4;
    std::uint64_t pdptes[directory_pointers];
    std::memcpy(pdptes, call.arena.pae_pdpt.entries, sizeof pdptes);
    const auto type = static_cast<svm::EventType>(call.argument & type_mask);
    const std::uint32_t first = (call.argument & from_vector_32) != 0 ? 32 : 0;
    std::uint32_t refused = 0;
    std::uint32_t entered = 0;
    std::uint32_t other = vectors;
    for (std::uint32_t vector = first; vector < vectors; ++vector) {
        auto event = EventInformation::event(type, static_cast<std::uint8_t>(vector));
        if ((call.argument & with_error_code) != 0) {
            event.set(EventInformation::error_code_valid, 1);
        }
        if ((call.argument & not_valid) != 0) {
            event.set(EventInformation::valid, 0);
        }
        call.arena.vmcb = fresh; // The one that entered is not where it was.
        // Nor may be L2's PDPTEs: QEMU sets a bit in them that KVM on it finds reserved.
        std::memcpy(call.arena.pae_pdpt.entries, pdptes, sizeof pdptes);
        call.arena.vmcb.control.event_injection = event;
        __svm_vmrun(reinterpret_cast<std::uintptr_t>(&call.arena.vmcb));
        const auto code = static_cast<std::uint32_t>(call.arena.vmcb.control.exit_code);
        const bool is_refused = code == static_cast<std::uint32_t>(svm::ExitCode::invalid);
        // Whichever of the two there is more of by then: the first one decides.
        if (other == vectors && (is_refused ? entered : refused) != 0) {
            other = vector;
        }
        refused += is_refused ? 1 : 0;
        entered += is_refused ? 0 : 1;
    }
    fresh = {};
    call.report(refused);
    call.report(entered);
    call.report(other);
}

} // namespace vmrunit::guest
