// SPDX-License-Identifier: GPL-2.0-only
// Injected events: every legal type and vector, in every mode, as L2's handler finds them. The
// event comes before L2's first instruction, whatever IF says and whatever is intercepted.
// APM2 15.20.

#include "cases/intercept/exception_row.hpp"
#include "cases/model/delivery.hpp"
#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/vmcb.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
namespace rflags = svm::rflags;
using svm::EventInformation;
using svm::EventType;
using svm::Intercept;

constexpr std::string_view manual = "APM2 15.20";

/// Before the first instruction: it is what the handler returns to.
Delivery at_entry(unsigned vector) {
    return {.vector = static_cast<std::uint8_t>(vector), .return_rip = at_start};
}

EventInformation event(EventType type, unsigned vector) {
    return EventInformation::event(type, static_cast<std::uint8_t>(vector));
}

struct Injection {
    std::string name; ///< What follows "event/".
    std::string_view title;
    EventInformation injected{};
    Delivery delivery{};
    std::vector<Step> setup{};
    svm::Features needs{};
    bool confirmed = true;
};

void add(Catalogue& catalogue, Injection row, const L2Start& start,
         const std::source_location& where = std::source_location::current()) {
    row.setup.emplace_back(vmcb_field(field::event_injection, row.injected.value));
    add_guest_case(catalogue,
                   {.name = "event/" + row.name,
                    .title = row.title,
                    .manual = manual,
                    .needs = row.needs,
                    .steps = std::move(row.setup),
                    .exit = delivered(start, row.delivery),
                    .confirmed = row.confirmed},
                   start, where);
}

template<class Visit>
void each_start(Visit&& visit) {
    for (const L2Mode mode : paged_modes) {
        for (const std::uint8_t cpl : {std::uint8_t{0}, std::uint8_t{3}}) {
            for (const bool nested_paging : {true, false}) {
                visit(L2Start{mode, cpl, nested_paging});
            }
        }
    }
}

/// Vectors that something else is special about, and the edges; tried in every start. The rest in
/// one start of each mode.
bool everywhere(unsigned vector) {
    return vector < 34 || vector == 0x40 || vector == 0x7f || vector == 0x80 || vector >= 0xfe;
}

bool wanted(unsigned vector, const L2Start& start) {
    return everywhere(vector) || (start.cpl == 0 && start.nested_paging);
}

/// An external interrupt may have any vector, asks for no privilege and pushes no error code.
void interrupts(Catalogue& catalogue) {
    each_start([&](const L2Start& start) {
        for (unsigned vector = 0; vector < 256; ++vector) {
            if (wanted(vector, start)) {
                add(catalogue,
                    {.name = "injected_interrupt/vector_" + std::to_string(vector),
                     .title = "An interrupt of any vector, though IF is clear.",
                     .injected = event(EventType::interrupt, vector),
                     .delivery = at_entry(vector)},
                    start);
            }
        }
        Delivery enabled = at_entry(0x40);
        enabled.rflags = rflags::always_one | rflags::if_;
        add(catalogue,
            {.name = "injected_interrupt/if_set",
             .title = "With IF set the handler finds IF clear and IF set on its stack.",
             .injected = event(EventType::interrupt, 0x40),
             .delivery = enabled,
             .setup = {vmcb_field(field::rflags, enabled.rflags)}},
            start);
        add(catalogue,
            {.name = "injected_interrupt/reserved_bits",
             .title = "Reserved bits of EVENTINJ are nobody's business.",
             .injected = event(EventType::interrupt, 0x40).with(EventInformation::reserved),
             .delivery = at_entry(0x40)},
            start);
    });
}

void non_maskable(Catalogue& catalogue) {
    each_start([&](const L2Start& start) {
        for (const unsigned vector : {0u, 2u, 14u, 255u}) {
            add(catalogue,
                {.name = "injected_nmi/vector_" + std::to_string(vector),
                 .title = "An NMI has vector 2, whatever the field says.",
                 .injected = event(EventType::nmi, vector),
                 .delivery = at_entry(2)},
                start);
        }
    });
}

/// INT n: the gate must be open to CPL 3, and NEXT_RIP is what it returns to. Without NRIPS there
/// is no NEXT_RIP; these rows make it equal to RIP, so that both kinds of CPU push the same.
void software_interrupts(Catalogue& catalogue) {
    each_start([&](const L2Start& start) {
        const Step same_rip = vmcb_field(field::next_rip, at_start);
        for (unsigned vector = 0; vector < 256; ++vector) {
            const bool open = vector == 3 || vector == 4 || vector >= 32;
            if (!wanted(vector, start)) {
                continue;
            }
            Injection row{.name = "injected_int_n/vector_" + std::to_string(vector),
                          .title = "INT n of any vector.",
                          .injected = event(EventType::software_interrupt, vector),
                          .delivery = at_entry(vector),
                          .setup = {same_rip}};
            if (start.cpl == 3 && !open) {
                row.title = "At CPL 3 a gate of DPL 0 is closed to INT n.";
                row.delivery = at_entry(13);
                row.delivery.error_code = vector * 8 + 2;
            }
            add(catalogue, row, start);
        }
        Injection next{.name = "injected_int_n/next_rip",
                       .title = "INT n returns to NEXT_RIP.",
                       .injected = event(EventType::software_interrupt, 0x40),
                       .delivery = at_entry(0x40),
                       .setup = {vmcb_field(field::next_rip, Value{Anchor::start, 0, 2})},
                       .needs = svm::Feature::nrips};
        next.delivery.return_rip = Value{Anchor::start, 0, 2};
        add(catalogue, next, start);
    });
}

constexpr std::array without_error_code{0u, 1u, 6u, 7u, 16u, 18u, 19u};
constexpr std::array with_error_code{8u, 10u, 11u, 12u, 13u, 14u, 17u};

/// Exceptions push what the field says, and nothing of what usually comes with them: CR2 and DR6
/// stay as they are.
void exceptions(Catalogue& catalogue) {
    each_start([&](const L2Start& start) {
        for (const unsigned vector : without_error_code) {
            add(catalogue,
                {.name = "injected_exception/vector_" + std::to_string(vector),
                 .title = "An exception without an error code.",
                 .injected = event(EventType::exception, vector),
                 .delivery = at_entry(vector),
                 .setup = {vmcb_field(field::dr6, 0xffff'0ff1)}},
                start);
        }
        if (start.mode != L2Mode::long64) {
            add(catalogue,
                {.name = "injected_exception/vector_5",
                 .title = "#BR, which 32-bit code can raise.",
                 .injected = event(EventType::exception, 5),
                 .delivery = at_entry(5)},
                start);
        }
        for (const unsigned vector : {3u, 4u}) {
            if (vector == 4 && start.mode == L2Mode::long64) {
                continue; // 64-bit code has no INTO (spec: CC-EVT-MODE).
            }
            add(catalogue,
                {.name = "injected_exception/vector_" + std::to_string(vector),
                 .title = "#BP and #OF, as INT3 and INTO raise them.",
                 .injected = event(EventType::exception, vector),
                 .delivery = at_entry(vector),
                 .setup = {vmcb_field(field::next_rip, at_start)}},
                start);
        }
        // As INT3 and INTO they ask the gate. Whether EXT is set nobody says.
        for (const unsigned vector : {3u, 4u}) {
            if (start.cpl == 0 || (vector == 4 && start.mode == L2Mode::long64)) {
                continue;
            }
            Injection row{.name =
                              "injected_exception/vector_" + std::to_string(vector) + "_gate_dpl",
                          .title = "#BP and #OF at CPL 3 and a gate of DPL 0.",
                          .injected = event(EventType::exception, vector),
                          .delivery = at_entry(13),
                          .setup = join(closed_gate(static_cast<std::uint8_t>(vector)),
                                        {vmcb_field(field::next_rip, at_start)})};
            row.delivery.error_code = vector * 8 + 2;
            row.delivery.error_code_mask = ~std::uint32_t{1};
            add(catalogue, row, start);
        }
        for (const unsigned vector : with_error_code) {
            for (const std::uint32_t code : {0u, 1u, 0x18u, 0xfff8u}) {
                Injection row{.name = "injected_exception/vector_" + std::to_string(vector) +
                                      "_error_" + hex_name(code),
                              .title = "An exception with the error code of EVENTINJ.",
                              .injected = EventInformation::event(
                                  EventType::exception, static_cast<std::uint8_t>(vector), code),
                              .delivery = at_entry(vector),
                              .setup = {vmcb_field(field::cr2, 0x0bad'cafe)}};
                row.delivery.error_code = code;
                add(catalogue, row, start);
            }
        }
    });
}

/// What is injected has been decided on: its own intercept is not looked at (spec: EI-NOICPT).
void not_intercepted(Catalogue& catalogue) {
    each_start([&](const L2Start& start) {
        const auto row = [&](std::string_view name, EventInformation injected,
                             const Delivery& delivery, Intercept intercept) {
            add(catalogue,
                {.name = "not_intercepted/" + std::string{name},
                 .title = "The intercept of an injected event is not looked at.",
                 .injected = injected,
                 .delivery = delivery,
                 .setup = {intercepting(intercept), vmcb_field(field::next_rip, at_start)}},
                start);
        };
        row("interrupt", event(EventType::interrupt, 0x40), at_entry(0x40), Intercept::intr);
        row("nmi", event(EventType::nmi, 2), at_entry(2), Intercept::nmi);
        row("int_n", event(EventType::software_interrupt, 0x40), at_entry(0x40), Intercept::int_n);
        for (const unsigned vector : without_error_code) {
            row("exception_" + std::to_string(vector), event(EventType::exception, vector),
                at_entry(vector), svm::exception_intercept(static_cast<std::uint8_t>(vector)));
        }
        for (const unsigned vector : with_error_code) {
            Delivery delivery = at_entry(vector);
            delivery.error_code = 0;
            row("exception_" + std::to_string(vector),
                EventInformation::event(EventType::exception, static_cast<std::uint8_t>(vector), 0),
                delivery, svm::exception_intercept(static_cast<std::uint8_t>(vector)));
        }
        // An interrupt of a low vector is no exception (spec: INT-VEC).
        row("interrupt_6", event(EventType::interrupt, 6), at_entry(6), Intercept::exception_ud);
    });
}

void injection(Catalogue& catalogue) {
    interrupts(catalogue);
    non_maskable(catalogue);
    software_interrupts(catalogue);
    exceptions(catalogue);
    not_intercepted(catalogue);
}

const Registration registration{injection};

} // namespace
} // namespace vmrunit::cases
