// SPDX-License-Identifier: GPL-2.0-only
#include "tests/end_to_end/saboteur.hpp"

#include "harness/guest/cpu.hpp"
#include "harness/wire/record.hpp"

namespace outsider {

namespace wire = vmrunit::wire;
using namespace vmrunit::guest;

namespace {

constexpr std::uint32_t no_case = 0xffff'fff0;
constexpr std::size_t long_flood = 64 * 1024;
constexpr unsigned many_lines = 500;

[[noreturn]] void triple_fault() {
    // No gate in reach: the fault, the double fault and the one after find nothing.
    const struct [[gnu::packed]] {
        std::uint16_t limit;
        std::uint64_t base;
    } no_table{0, 0};
    asm volatile("lidt %0\n\tud2" : : "m"(no_table));
    __builtin_unreachable();
}

/// A sink that keeps the frame for itself.
struct Capture {
    std::span<const std::byte> frame{};
    void write(std::span<const std::byte> bytes) { frame = bytes; }
};

wire::RecordHeader record_of(std::uint32_t index) {
    wire::RecordHeader header{};
    header.index = index;
    header.outcome = static_cast<std::uint8_t>(wire::CaseOutcome::ran);
    return header;
}

} // namespace

void Saboteur::log(std::string_view text) {
    (void)frames_.send(wire::FrameType::log, std::as_bytes(std::span{text}));
    sink_.flush();
}

void Saboteur::garbage(std::size_t bytes) {
    // Half of a sync word among it, and text.
    static constexpr char pattern[] = "\xd6\xcd not a frame ";
    static constexpr std::span<const char> text{pattern, sizeof pattern - 1};
    for (std::size_t done = 0; done < bytes; done += text.size()) {
        sink_.write(std::as_bytes(text));
    }
}

void Saboteur::empty_record(std::uint32_t index) {
    const wire::RecordHeader header = record_of(index);
    (void)frames_.send(wire::FrameType::record, std::as_bytes(std::span{&header, 1}));
}

void Saboteur::half_a_record(std::uint32_t index) {
    std::byte buffer[wire::frame_overhead + sizeof(wire::RecordHeader)];
    wire::FrameSequence sequence;
    Capture capture;
    wire::FrameWriter<Capture> writer{buffer, sequence, capture};
    const wire::RecordHeader header = record_of(index);
    (void)writer.send(wire::FrameType::record, std::as_bytes(std::span{&header, 1}));
    sink_.write(capture.frame.first(capture.frame.size() / 2));
}

void Saboteur::scribble_over_ring() {
    if (ring_ == nullptr) {
        return;
    }
    // As an L2 would that writes where it should not.
    ring_->magic = 0x6666'6666;
    ring_->version = 0x6666;
    ring_->data_size = 0x6666'6666;
    ring_->producer = 0x6666'6666;
    ring_->consumer = 0x6666'6666;
    ring_->doorbell_threshold = 0x6666'6666;
}

void Saboteur::hang() {
    sink_.flush();
    for (;;) {
        pause();
    }
}

Next Saboteur::instead_of_record(Misbehaviour misbehaviour, std::uint32_t index) {
    log("the payload misbehaves");
    switch (misbehaviour) {
    case Misbehaviour::hangs:
        hang();
    case Misbehaviour::triple_faults:
        triple_fault();
    case Misbehaviour::faults_in_l1:
        asm volatile("ud2");
        hang();
    case Misbehaviour::floods_garbage:
        for (;;) {
            garbage(long_flood);
        }
    case Misbehaviour::floods_log:
        for (;;) {
            log("one line of very many");
        }
    case Misbehaviour::truncates_record_hangs:
        half_a_record(index);
        hang();
    case Misbehaviour::garbage_for_record:
        garbage(100);
        return Next::case_without_record;
    case Misbehaviour::truncates_record:
        half_a_record(index);
        return Next::case_without_record;
    case Misbehaviour::records_without_content:
        empty_record(index);
        return Next::case_without_record;
    case Misbehaviour::claims_next_number:
        empty_record(index + 1);
        return Next::case_without_record;
    case Misbehaviour::claims_unknown_number:
        empty_record(no_case);
        return Next::case_without_record;
    case Misbehaviour::ends_early:
        return Next::end;
    case Misbehaviour::says_hello_again:
        say_hello_(context_);
        return Next::record;
    case Misbehaviour::floods_then_records:
        garbage(long_flood);
        for (unsigned i = 0; i < many_lines; ++i) {
            log("one line of many");
        }
        return Next::record;
    case Misbehaviour::begins_twice:
        (void)frames_.send_begin(index);
        return Next::record;
    case Misbehaviour::begins_others:
        (void)frames_.send_begin(0); // Has its verdict, or is this one.
        (void)frames_.send_begin(no_case);
        return Next::record;
    case Misbehaviour::garbage_around_record:
        garbage(100);
        return Next::record;
    case Misbehaviour::scribbles_over_ring:
        scribble_over_ring();
        return Next::record;
    case Misbehaviour::records_twice:
    case Misbehaviour::dies_behind_record:
        return Next::record;
    }
    return Next::record;
}

void Saboteur::behind_record(Misbehaviour misbehaviour, std::uint32_t index) {
    switch (misbehaviour) {
    case Misbehaviour::garbage_around_record:
        return garbage(100);
    case Misbehaviour::records_twice:
        return empty_record(index);
    case Misbehaviour::dies_behind_record:
        triple_fault();
    default:
        return;
    }
}

} // namespace outsider
