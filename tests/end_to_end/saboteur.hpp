// SPDX-License-Identifier: GPL-2.0-only
// The outsider's payload where it misbehaves: everything a guest can do to the stream, in L1.
#pragma once

#include "guest_payloads/l1/record_stream.hpp"
#include "tests/end_to_end/misbehaviour.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace outsider {

/// What becomes of the case that was begun.
enum class Next : std::uint8_t {
    record,              ///< It runs, and its record is sent.
    case_without_record, ///< The plan goes on without one.
    end,                 ///< The plan ends here.
};

class Saboteur {
public:
    /// Writes to the same stream as the honest part, in a buffer of its own: that one may be in the
    /// middle of a frame. `ring` is nullptr where records go by the port; `say_hello` sends a
    /// hello once more.
    template<class SayHello>
    Saboteur(std::span<std::byte> buffer, vmrunit::wire::FrameSequence& sequence,
             vmrunit::guest::RecordSink& sink, vmrunit::wire::RingHeader* ring, SayHello& say_hello)
        : frames_{buffer, sequence, sink},
          sink_{sink},
          ring_{ring},
          context_{const_cast<void*>(static_cast<const void*>(&say_hello))},
          say_hello_{[](void* context) { (*static_cast<SayHello*>(context))(); }} {}

    /// Behind `begin` and before the record. Need not return.
    [[nodiscard]] Next instead_of_record(Misbehaviour misbehaviour, std::uint32_t index);
    /// Behind the record. Need not return.
    void behind_record(Misbehaviour misbehaviour, std::uint32_t index);

    void log(std::string_view text);

private:
    void garbage(std::size_t bytes);
    /// A record that is right in form, and says nothing but `index`.
    void empty_record(std::uint32_t index);
    /// The first half of such a record's frame.
    void half_a_record(std::uint32_t index);
    void scribble_over_ring();
    [[noreturn]] void hang();

    vmrunit::guest::RecordFrames frames_;
    vmrunit::guest::RecordSink& sink_;
    vmrunit::wire::RingHeader* ring_;
    void* context_;
    void (*say_hello_)(void*);
};

} // namespace outsider
