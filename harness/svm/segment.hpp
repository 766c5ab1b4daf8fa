// SPDX-License-Identifier: GPL-2.0-only
// Segment and descriptor-table registers as the VMCB holds them (APM vol. 2, Appendix B): the
// attributes are bits 55:52 and 47:40 of a descriptor pushed together into twelve bits, the limit
// is already expanded to bytes.
#pragma once

#include "harness/svm/bits.hpp"

#include <cstdint>

namespace vmrunit::svm {

struct SegmentAttributes : BitWord<SegmentAttributes, std::uint16_t> {
    // clang-format off
    static constexpr Range type        {0, 4};
    static constexpr Range code_or_data{4};     // S: 0 is a system descriptor
    static constexpr Range dpl         {5, 2};
    static constexpr Range present     {7};
    static constexpr Range available   {8};
    static constexpr Range long_mode   {9};     // L
    static constexpr Range default_size{10};    // D or B
    static constexpr Range granularity {11};
    static constexpr Range unused      {12, 4};
    // clang-format on
};

struct Segment {
    std::uint16_t selector;
    SegmentAttributes attributes;
    std::uint32_t limit;
    std::uint64_t base;

    friend constexpr bool operator==(const Segment&, const Segment&) = default;
};
static_assert(sizeof(Segment) == 16);

// GDTR and IDTR use the same sixteen bytes; the first four are not implemented.
struct DescriptorTable {
    std::uint32_t reserved;
    std::uint32_t limit;
    std::uint64_t base;

    friend constexpr bool operator==(const DescriptorTable&, const DescriptorTable&) = default;
};
static_assert(sizeof(DescriptorTable) == 16);

// What the four type bits mean for the descriptors a test needs.
namespace segment_type {
// clang-format off
inline constexpr std::uint8_t data_read_only       = 0x0;
inline constexpr std::uint8_t data_read_write      = 0x2;
inline constexpr std::uint8_t data_expand_down     = 0x6;    // writable
inline constexpr std::uint8_t code_execute_only    = 0x8;
inline constexpr std::uint8_t code_read            = 0xa;
inline constexpr std::uint8_t code_conforming_read = 0xe;
inline constexpr std::uint8_t accessed             = 0x1;    // of code and data, to be ORed in
inline constexpr std::uint8_t tss_16_available     = 0x1;
inline constexpr std::uint8_t ldt                  = 0x2;
inline constexpr std::uint8_t tss_16_busy          = 0x3;
inline constexpr std::uint8_t tss_available        = 0x9;    // 32-bit, or 64-bit in long mode
inline constexpr std::uint8_t tss_busy             = 0xb;
// clang-format on
} // namespace segment_type

// Attributes of a present code or data segment.
constexpr SegmentAttributes code_or_data_attributes(std::uint8_t type, std::uint8_t dpl = 0) {
    return SegmentAttributes{}
        .with(SegmentAttributes::type, type)
        .with(SegmentAttributes::code_or_data)
        .with(SegmentAttributes::dpl, dpl)
        .with(SegmentAttributes::present);
}

constexpr SegmentAttributes system_attributes(std::uint8_t type) {
    return SegmentAttributes{}.with(SegmentAttributes::type, type).with(SegmentAttributes::present);
}

constexpr SegmentAttributes code64_attributes(std::uint8_t dpl = 0) {
    return code_or_data_attributes(segment_type::code_read | segment_type::accessed, dpl)
        .with(SegmentAttributes::long_mode)
        .with(SegmentAttributes::granularity);
}

constexpr SegmentAttributes code32_attributes(std::uint8_t dpl = 0) {
    return code_or_data_attributes(segment_type::code_read | segment_type::accessed, dpl)
        .with(SegmentAttributes::default_size)
        .with(SegmentAttributes::granularity);
}

constexpr SegmentAttributes code16_attributes(std::uint8_t dpl = 0) {
    return code_or_data_attributes(segment_type::code_read | segment_type::accessed, dpl);
}

constexpr SegmentAttributes data32_attributes(std::uint8_t dpl = 0) {
    return code_or_data_attributes(segment_type::data_read_write | segment_type::accessed, dpl)
        .with(SegmentAttributes::default_size)
        .with(SegmentAttributes::granularity);
}

constexpr SegmentAttributes data16_attributes(std::uint8_t dpl = 0) {
    return code_or_data_attributes(segment_type::data_read_write | segment_type::accessed, dpl);
}

constexpr SegmentAttributes attributes_of_descriptor(std::uint64_t descriptor) {
    const std::uint64_t low = (descriptor >> 40) & 0xff;
    const std::uint64_t high = (descriptor >> 52) & 0xf;
    return SegmentAttributes::of(static_cast<std::uint16_t>(low | (high << 8)));
}

// The segment that loading `selector` with this descriptor gives; `base_high` is the second half of
// a 16-byte system descriptor in long mode.
constexpr Segment segment_of_descriptor(std::uint16_t selector, std::uint64_t descriptor,
                                        std::uint32_t base_high = 0) {
    Segment segment{};
    segment.selector = selector;
    segment.attributes = attributes_of_descriptor(descriptor);
    const auto limit =
        static_cast<std::uint32_t>((descriptor & 0xffff) | ((descriptor >> 32) & 0xf0000));
    segment.limit =
        segment.attributes.test(SegmentAttributes::granularity) ? (limit << 12) | 0xfff : limit;
    segment.base = ((descriptor >> 16) & 0xffffff) | ((descriptor >> 32) & 0xff000000) |
                   (std::uint64_t{base_high} << 32);
    return segment;
}

// The descriptor that loads as `segment`: what a GDT entry must be for L2 to reload the register.
constexpr std::uint64_t descriptor_of_segment(const Segment& segment) {
    const std::uint64_t limit = segment.attributes.test(SegmentAttributes::granularity)
                                    ? segment.limit >> 12
                                    : segment.limit;
    const std::uint64_t attributes = segment.attributes.value;
    return (limit & 0xffff) | ((limit & 0xf0000) << 32) | ((segment.base & 0xffffff) << 16) |
           ((segment.base & 0xff000000) << 32) | ((attributes & 0xff) << 40) |
           ((attributes & 0xf00) << 44);
}

} // namespace vmrunit::svm
