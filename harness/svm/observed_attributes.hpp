// SPDX-License-Identifier: GPL-2.0-only
// Which attributes of a segment register the CPU observes. The others it need not keep, so what was
// loaded from a VMCB may come back there without them. APM2 15.5.1, "Segment State in the VMCB".
#pragma once

#include "harness/svm/segment.hpp"
#include "harness/svm/vmcb_fields.hpp"

#include <cstdint>

namespace vmrunit::svm {

struct ObservedAttributes {
    FieldRef place;
    std::uint16_t bits;
};

namespace observed {
// clang-format off
inline constexpr std::uint16_t readable     = 0x2;  // of code; W of data has the same bit
inline constexpr std::uint16_t data_type    = 0xe;  // E, W and whether it is code
inline constexpr std::uint16_t tss_type     = 0xd;  // 16-bit or not; that the task is busy no CPU needs
inline constexpr auto present      = static_cast<std::uint16_t>(SegmentAttributes::present.mask());
inline constexpr auto default_size = static_cast<std::uint16_t>(SegmentAttributes::default_size.mask());
inline constexpr auto long_mode    = static_cast<std::uint16_t>(SegmentAttributes::long_mode.mask());
inline constexpr auto dpl          = static_cast<std::uint16_t>(SegmentAttributes::dpl.mask());
inline constexpr auto system       = static_cast<std::uint16_t>(SegmentAttributes::code_or_data.mask());
inline constexpr auto type         = static_cast<std::uint16_t>(SegmentAttributes::type.mask());
// clang-format on
inline constexpr std::uint16_t data = data_type | default_size | present | dpl;
} // namespace observed

// clang-format off
inline constexpr ObservedAttributes observed_attributes[] = {
    {field::cs_attributes,   observed::default_size | observed::long_mode | observed::present | observed::readable},
    {field::ss_attributes,   observed::default_size | observed::present | observed::data_type},
    {field::ds_attributes,   observed::data},
    {field::es_attributes,   observed::data},
    {field::fs_attributes,   observed::data},
    {field::gs_attributes,   observed::data},
    {field::ldtr_attributes, observed::present | observed::system | observed::type},
    {field::tr_attributes,   observed::present | observed::system | observed::tss_type},
};
// clang-format on

/// Bits of a field that come back as they were loaded or as L2 made them: all, but for attributes.
constexpr std::uint64_t observed_bits(FieldRef field) {
    for (const ObservedAttributes& one : observed_attributes) {
        if (one.place == field) {
            return one.bits;
        }
    }
    return ~std::uint64_t{0};
}

} // namespace vmrunit::svm
