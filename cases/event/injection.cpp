// SPDX-License-Identifier: GPL-2.0-only
// Injected events: every legal type and vector, in every mode, as L2's handler finds them. The
// event comes before L2's first instruction, whatever IF says and whatever is intercepted. Real
// mode delivers no error code, and no source says what EV means there; so nothing with EV is
// injected into it. APM2 15.20.

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
    std::string_view title{};
    EventInformation injected{};
    Delivery delivery{};
    std::vector<Step> setup{};
    svm::Features needs{};
    L1Modes l1_modes{};
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
                    .l1_modes = row.l1_modes},
                   start, where);
}

/// The first start of its mode.
bool is_first(const L2Start& start) {
    return start.nested_paging && (start.cpl == 0 || !has_cpl(start.mode, 0));
}

/// Vectors that something else is special about, and the edges; tried in every start. The rest in
/// one start of each mode.
bool everywhere(unsigned vector) {
    return vector < 34 || vector == 0x40 || vector == 0x7f || vector == 0x80 || vector >= 0xfe;
}

bool wanted(unsigned vector, const L2Start& start) {
    return everywhere(vector) || is_first(start);
}

/// INT n and its kin. They return to NEXT_RIP, which these rows make equal to RIP: without NRIPS
/// there is none, so both kinds of CPU push the same. Virtual-8086 mode has INT n at IOPL 3, where
/// the IDT is asked as anywhere; whether VMRUN looks at a lower one the manual does not say.
void as_instruction(Injection& row, const L2Start& start) {
    row.setup.emplace_back(vmcb_field(field::next_rip, at_start));
    if (start.mode == L2Mode::v86) {
        row.setup.emplace_back(vmcb_set(field::rflags, rflags::iopl));
        row.delivery.rflags |= rflags::iopl;
    }
}

/// Bits 30:12 of EVENTINJ mean nothing: all of them, and each (spec: CC-EVT-RSVD).
void reserved_bits(Catalogue& catalogue, const Injection& row, const L2Start& start) {
    constexpr std::string_view title = "Reserved bits of EVENTINJ are nobody's business.";
    const auto with = [&](const std::string& suffix, std::uint64_t bits) {
        Injection more = row;
        more.name += "/reserved_bit" + suffix;
        more.title = title;
        more.injected = EventInformation::of(row.injected.value | bits);
        return more;
    };
    add(catalogue, with("s", EventInformation::reserved.mask()), start);
    if (!is_first(start)) {
        return;
    }
    constexpr EventInformation::Range range = EventInformation::reserved;
    for (unsigned bit = range.low; bit < range.low + range.count; ++bit) {
        Injection one = with("_" + std::to_string(bit), std::uint64_t{1} << bit);
        one.l1_modes = only_l1_long64;
        add(catalogue, one, start);
    }
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
             .setup = {vmcb_set(field::rflags, rflags::if_)}},
            start);
        reserved_bits(catalogue,
                      {.name = "injected_interrupt",
                       .injected = event(EventType::interrupt, 0x40),
                       .delivery = at_entry(0x40)},
                      start);
    });
}

void non_maskable(Catalogue& catalogue) {
    each_start([&](const L2Start& start) {
        for (unsigned vector = 0; vector < 256; ++vector) {
            const bool everywhere = vector == 0 || vector == 2 || vector == 14 || vector == 255;
            if (everywhere || is_first(start)) {
                add(catalogue,
                    {.name = "injected_nmi/vector_" + std::to_string(vector),
                     .title = "An NMI has vector 2, whatever the field says.",
                     .injected = event(EventType::nmi, vector),
                     .delivery = at_entry(2)},
                    start);
            }
        }
        reserved_bits(
            catalogue,
            {.name = "injected_nmi", .injected = event(EventType::nmi, 2), .delivery = at_entry(2)},
            start);
    });
}

/// INT n: the gate must be open to CPL 3, and NEXT_RIP is what it returns to.
void software_interrupts(Catalogue& catalogue) {
    each_start([&](const L2Start& start) {
        for (unsigned vector = 0; vector < 256; ++vector) {
            const bool open = vector == 3 || vector == 4 || vector >= 32;
            if (!wanted(vector, start)) {
                continue;
            }
            Injection row{.name = "injected_int_n/vector_" + std::to_string(vector),
                          .title = "INT n of any vector.",
                          .injected = event(EventType::software_interrupt, vector),
                          .delivery = at_entry(vector)};
            if (start.cpl == 3 && !open) {
                row.title = "At CPL 3 a gate of DPL 0 is closed to INT n.";
                row.delivery = at_entry(13);
                row.delivery.error_code = vector * 8 + 2;
            }
            as_instruction(row, start);
            add(catalogue, row, start);
        }
        Injection plain{.name = "injected_int_n",
                        .injected = event(EventType::software_interrupt, 0x40),
                        .delivery = at_entry(0x40)};
        as_instruction(plain, start);
        reserved_bits(catalogue, plain, start);
        Injection next{.name = "injected_int_n/next_rip",
                       .title = "INT n returns to NEXT_RIP.",
                       .injected = event(EventType::software_interrupt, 0x40),
                       .delivery = at_entry(0x40),
                       .needs = svm::Feature::nrips};
        as_instruction(next, start);
        next.setup.emplace_back(vmcb_field(field::next_rip, Value{Anchor::start, 0, 2}));
        next.delivery.return_rip = Value{Anchor::start, 0, 2};
        add(catalogue, next, start);
    });
}

constexpr std::array without_error_code{0u, 1u, 6u, 7u, 16u, 18u, 19u};
constexpr std::array with_error_code{8u, 10u, 11u, 12u, 13u, 14u, 17u, 21u, 30u};
/// Those of them that 8086 code can raise, and that come without an error code there.
constexpr std::array in_real_mode{8u, 12u, 13u};

constexpr unsigned control_protection = 21;

/// The exceptions with an error code that code of this mode can raise.
bool has_exception(unsigned vector, L2Mode mode) {
    return !is_real_mode(mode) && (vector != control_protection || mode != L2Mode::v86);
}

/// #BR and #OF: 64-bit code has neither BOUND nor INTO (spec: CC-EVT-MODE).
bool has_bound_and_into(L2Mode mode) {
    return mode != L2Mode::long64;
}

/// As INT3 and INTO raise them.
void breakpoint_and_overflow(Catalogue& catalogue, const L2Start& start) {
    for (const unsigned vector : {3u, 4u}) {
        if (vector == 4 && !has_bound_and_into(start.mode)) {
            continue;
        }
        const std::string name = "injected_exception/vector_" + std::to_string(vector);
        const Step same_rip = vmcb_field(field::next_rip, at_start);
        add(catalogue,
            {.name = name,
             .title = "#BP and #OF, as INT3 and INTO raise them.",
             .injected = event(EventType::exception, vector),
             .delivery = at_entry(vector),
             .setup = {same_rip}},
            start);
        // They return to NEXT_RIP as INT n does (spec: EI-BPOF).
        Injection next{.name = name + "/next_rip",
                       .title = "#BP and #OF return to NEXT_RIP.",
                       .injected = event(EventType::exception, vector),
                       .delivery = at_entry(vector),
                       .setup = {vmcb_field(field::next_rip, Value{Anchor::start, 0, 2})},
                       .needs = svm::Feature::nrips};
        next.delivery.return_rip = Value{Anchor::start, 0, 2};
        add(catalogue, next, start);
        // They ask the gate. Whether EXT is set nobody says.
        if (start.cpl == 3) {
            Injection row{.name = name + "_gate_dpl",
                          .title = "#BP and #OF at CPL 3 and a gate of DPL 0.",
                          .injected = event(EventType::exception, vector),
                          .delivery = at_entry(13),
                          .setup =
                              join(closed_gate(static_cast<std::uint8_t>(vector)), {same_rip})};
            row.delivery.error_code = vector * 8 + 2;
            row.delivery.error_code_mask = ~std::uint32_t{1};
            add(catalogue, row, start);
        }
    }
}

/// ERRORCODE has 32 bits, and a frame as many of them as its slots have.
void error_codes(Catalogue& catalogue, const L2Start& start) {
    for (const unsigned vector : with_error_code) {
        if (!has_exception(vector, start.mode)) {
            continue;
        }
        for (const std::uint32_t code :
             {0u, 1u, 0x18u, 0xfff8u, 0x7fff'0000u, 0x8000'0000u, 0xffff'ffffu}) {
            Injection row{.name = "injected_exception/vector_" + std::to_string(vector) +
                                  "_error_" + hex_name(code),
                          .title = "An exception with the error code of EVENTINJ.",
                          .injected = EventInformation::event(
                              EventType::exception, static_cast<std::uint8_t>(vector), code),
                          .delivery = at_entry(vector),
                          .setup = {vmcb_field(field::cr2, 0x0bad'cafe)}};
            if (vector == control_protection) {
                row.needs = svm::Feature::cet_ss;
            }
            row.delivery.error_code = code;
            add(catalogue, row, start);
        }
    }
}

/// Exceptions push what the field says, and nothing of what usually comes with them: CR2 and DR6
/// stay as they are.
void exceptions(Catalogue& catalogue) {
    each_start([&](const L2Start& start) {
        const auto plain = [&](unsigned vector, std::string_view title) {
            return Injection{.name = "injected_exception/vector_" + std::to_string(vector),
                             .title = title,
                             .injected = event(EventType::exception, vector),
                             .delivery = at_entry(vector),
                             .setup = {vmcb_field(field::dr6, 0xffff'0ff1)}};
        };
        for (const unsigned vector : without_error_code) {
            add(catalogue, plain(vector, "An exception without an error code."), start);
        }
        if (is_real_mode(start.mode)) {
            for (const unsigned vector : in_real_mode) {
                add(catalogue, plain(vector, "In real mode it has no error code."), start);
            }
        }
        if (has_bound_and_into(start.mode)) {
            add(catalogue,
                {.name = "injected_exception/vector_5",
                 .title = "#BR, which 32-bit code can raise.",
                 .injected = event(EventType::exception, 5),
                 .delivery = at_entry(5)},
                start);
        }
        breakpoint_and_overflow(catalogue, start);
        error_codes(catalogue, start);
        reserved_bits(catalogue,
                      {.name = "injected_exception",
                       .injected = event(EventType::exception, 6),
                       .delivery = at_entry(6)},
                      start);
    });
}

/// What is injected has been decided on: its own intercept is not looked at (spec: EI-NOICPT).
void not_intercepted(Catalogue& catalogue) {
    each_start([&](const L2Start& start) {
        const auto row = [&](std::string_view name, EventInformation injected,
                             const Delivery& delivery, Intercept intercept,
                             svm::Features needs = {}) {
            Injection one{.name = "not_intercepted/" + std::string{name},
                          .title = "The intercept of an injected event is not looked at.",
                          .injected = injected,
                          .delivery = delivery,
                          .setup = {intercepting(intercept)},
                          .needs = needs};
            as_instruction(one, start);
            add(catalogue, one, start);
        };
        row("interrupt", event(EventType::interrupt, 0x40), at_entry(0x40), Intercept::intr);
        row("nmi", event(EventType::nmi, 2), at_entry(2), Intercept::nmi);
        row("int_n", event(EventType::software_interrupt, 0x40), at_entry(0x40), Intercept::int_n);
        for (const unsigned vector : without_error_code) {
            row("exception_" + std::to_string(vector), event(EventType::exception, vector),
                at_entry(vector), svm::exception_intercept(static_cast<std::uint8_t>(vector)));
        }
        for (const unsigned vector : with_error_code) {
            if (!has_exception(vector, start.mode)) {
                continue;
            }
            Delivery delivery = at_entry(vector);
            delivery.error_code = 0;
            row("exception_" + std::to_string(vector),
                EventInformation::event(EventType::exception, static_cast<std::uint8_t>(vector), 0),
                delivery, svm::exception_intercept(static_cast<std::uint8_t>(vector)),
                vector == control_protection ? svm::Features{svm::Feature::cet_ss}
                                             : svm::Features{});
        }
        for (const unsigned vector : {3u, 4u, 5u}) {
            if (vector == 3 || has_bound_and_into(start.mode)) {
                row("exception_" + std::to_string(vector), event(EventType::exception, vector),
                    at_entry(vector), svm::exception_intercept(static_cast<std::uint8_t>(vector)));
            }
        }
        // An interrupt of a low vector is no exception (spec: INT-VEC).
        row("interrupt_6", event(EventType::interrupt, 6), at_entry(6), Intercept::exception_ud);
    });
}

/// RF is set when L2 begins, and nothing has been executed: it is pushed, and clear in the handler.
/// What INT n pushes is not asked: it is an instruction that completes, and those clear RF, whether
/// before it is pushed or behind that the manual does not say.
void resume_flag(Catalogue& catalogue) {
    each_start([&](const L2Start& start) {
        const auto row = [&](const std::string& name, EventInformation injected,
                             Delivery delivery) {
            delivery.rflags |= rflags::rf;
            delivery.rf_is_pushed = true;
            add(catalogue,
                {.name = name + "/rf_set",
                 .title = "RF of L2 is pushed, and clear in the handler.",
                 .injected = injected,
                 .delivery = delivery,
                 .setup = {vmcb_set(field::rflags, rflags::rf)}},
                start);
        };
        row("injected_interrupt", event(EventType::interrupt, 0x40), at_entry(0x40));
        row("injected_nmi", event(EventType::nmi, 2), at_entry(2));
        row("injected_exception", event(EventType::exception, 6), at_entry(6));
    });
}

void injection(Catalogue& catalogue) {
    interrupts(catalogue);
    non_maskable(catalogue);
    software_interrupts(catalogue);
    exceptions(catalogue);
    not_intercepted(catalogue);
    resume_flag(catalogue);
}

const Registration registration{injection};

} // namespace
} // namespace vmrunit::cases
