// SPDX-License-Identifier: GPL-2.0-only
// See moved_state.hpp.
#include "tests/intrinsics/moved_state.hpp"

bool is_moved(size_t offset) {
    for (const MovedSegment& segment : moved_segments) {
        if (offset >= segment.field && offset < segment.field + 16) {
            return true;
        }
    }
    for (const MovedMsr& moved : moved_msrs) {
        if (offset >= moved.field && offset < moved.field + 8) {
            return true;
        }
    }
    return false;
}

bool same_moved_state(const VmcbPage& one, const VmcbPage& other) {
    for (size_t offset = 0; offset < sizeof(one.bytes); ++offset) {
        if (is_moved(offset) && one.bytes[offset] != other.bytes[offset]) {
            return false;
        }
    }
    return true;
}

void write_moved_msrs() {
    for (const MovedMsr& moved : moved_msrs) {
        machine::write(moved.msr, moved.value);
    }
}

void fill_moved_state(VmcbPage& page) {
    for (const MovedSegment& segment : moved_segments) {
        page.at<uint16_t>(segment.field) = segment.selector;
        page.at<uint16_t>(segment.field + vmcb_offset::in_segment_attributes) = segment.attributes;
        page.at<uint32_t>(segment.field + vmcb_offset::in_segment_limit) = segment.limit;
        page.at<uint64_t>(segment.field + vmcb_offset::in_segment_base) = segment.base;
    }
    for (const MovedMsr& moved : moved_msrs) {
        page.at<uint64_t>(moved.field) = moved.other_value();
    }
}
