// SPDX-License-Identifier: GPL-2.0-only
// Events that VMRUN refuses to inject: every reserved type and every vector that no exception has.
// What it must not refuse is delivered, and stands with the cases about that (cases/event). Of
// vectors that are merely unassigned, and of error codes that do not go with their vector, the
// sources do not say what a CPU does (spec: CC-EVT-RSVDVEC, EI-EXC-NOEC). APM2 15.20.

#include "cases/consistency/check_table.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/vmcb.hpp"

#include <string>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::EventInformation;
using svm::EventType;

std::vector<Step> inject(EventInformation event) {
    return {vmcb_field(field::event_injection, event.value)};
}

void event_injection(Catalogue& catalogue) {
    Checks checks{catalogue};
    for (const std::uint8_t type : {1, 5, 6, 7}) {
        const std::string name = "event_injection/type_" + std::to_string(type);
        const auto event = [type](unsigned vector) {
            return EventInformation::event(static_cast<EventType>(type),
                                           static_cast<std::uint8_t>(vector));
        };
        checks.refused(name, "A reserved type of event.", inject(event(0x40)));
        for (unsigned vector = 0; vector < 256; ++vector) {
            checks.refused(name + "/vector_" + std::to_string(vector), "A reserved type of event.",
                           inject(event(vector)));
        }
        checks.refused(name + "/error_code", "A reserved type of event, with an error code.",
                       inject(event(13)
                                  .with(EventInformation::error_code_valid)
                                  .with(EventInformation::error_code, 8)));
        checks.entered(name + "/entered/not_valid", "Without V nothing is looked at.",
                       inject(event(13).with(EventInformation::valid, 0)));
    }
    for (unsigned vector = 2; vector < 256; vector = vector == 2 ? 32 : vector + 1) {
        const std::string name = "event_injection/exception_" + std::to_string(vector);
        const EventInformation event =
            EventInformation::event(EventType::exception, static_cast<std::uint8_t>(vector));
        checks.refused(name, "No exception has this vector.", inject(event));
        checks.refused(name + "/error_code", "No exception has this vector.",
                       inject(event.with(EventInformation::error_code_valid)));
        checks.entered(name + "/entered/not_valid", "Without V nothing is looked at.",
                       inject(event.with(EventInformation::valid, 0)));
    }
    checks.entered("event_injection/not_valid", "Without V nothing is looked at.",
                   inject(EventInformation::event(static_cast<EventType>(7), 0xff)
                              .with(EventInformation::valid, 0)));
    // #BR comes from BOUND alone, which 64-bit code does not have.
    checks.refused("event_injection/bound_in_64_bit_mode", "No 64-bit code can raise #BR.",
                   inject(EventInformation::event(EventType::exception, 5)));
}

const Registration registration{event_injection};

} // namespace
} // namespace vmrunit::cases
