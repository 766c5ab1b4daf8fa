// SPDX-License-Identifier: GPL-2.0-only
// Segment attributes in the VMCB's format against descriptors as a GDT holds them.
#include "harness/svm/segment.hpp"

#include <gtest/gtest.h>

namespace vmrunit::svm {
namespace {

TEST(Segment, AttributesOfWellKnownSegments) {
    EXPECT_EQ(code64_attributes().value, 0xa9bu);
    EXPECT_EQ(code64_attributes(3).value, 0xafbu);
    EXPECT_EQ(code32_attributes().value, 0xc9bu);
    EXPECT_EQ(data32_attributes().value, 0xc93u);
    EXPECT_EQ(data32_attributes(3).value, 0xcf3u);
    EXPECT_EQ(code16_attributes().value, 0x09bu);
    EXPECT_EQ(data16_attributes().value, 0x093u);
    EXPECT_EQ(system_attributes(segment_type::tss_busy).value, 0x08bu);
    EXPECT_EQ(system_attributes(segment_type::ldt).value, 0x082u);
}

TEST(Segment, OfADescriptor) {
    const Segment flat = segment_of_descriptor(0x10, 0x00cf93000000ffff);
    EXPECT_EQ(flat.selector, 0x10);
    EXPECT_EQ(flat.attributes, data32_attributes());
    EXPECT_EQ(flat.limit, 0xffffffffu) << "the limit is expanded when G is set";
    EXPECT_EQ(flat.base, 0u);

    const Segment tss = segment_of_descriptor(0x28, 0x12008b345678f067, 0xffff8000);
    EXPECT_EQ(tss.attributes, system_attributes(segment_type::tss_busy));
    EXPECT_EQ(tss.limit, 0xf067u);
    EXPECT_EQ(tss.base, 0xffff800012345678u);
}

TEST(Segment, DescriptorAndBack) {
    for (const std::uint64_t descriptor : {0x00af9b000000ffffull, 0x00cf93000000ffffull,
                                           0x12008b345678f067ull, 0x00009b000000ffffull}) {
        EXPECT_EQ(descriptor_of_segment(segment_of_descriptor(8, descriptor)), descriptor);
    }
}

} // namespace
} // namespace vmrunit::svm
