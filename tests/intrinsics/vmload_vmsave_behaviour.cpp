// SPDX-License-Identifier: GPL-2.0-only
// VMSAVE stores the moved state and nothing else, VMLOAD loads it (APM volume 2, 15.5.2).
#include "tests/intrinsics/behaviour.hpp"
#include "tests/intrinsics/moved_state.hpp"

#include <intrin.h>

namespace {

constexpr uint8_t untouched = 0xa5;

VmcbPage page;
VmcbPage second_page;
VmcbPage original_state;

} // namespace

BEHAVIOUR(vmsave_stores_msrs) {
    write_moved_msrs();
    page.fill(untouched);
    __svm_vmsave(page.physical_address());
    for (const MovedMsr& moved : moved_msrs) {
        if (page.at<uint64_t>(moved.field) != moved.value) {
            return Finding::fails;
        }
    }
    return Finding::holds;
}

BEHAVIOUR(vmsave_stores_task_and_ldt_registers) {
    constexpr uint32_t task_limit = 0x67;
    page.fill(untouched);
    __svm_vmsave(page.physical_address());
    uint16_t task = 0;
    uint16_t table = 0;
    asm volatile("str %0" : "=r"(task));
    asm volatile("sldt %0" : "=r"(table));
    return finding(page.at<uint16_t>(vmcb_offset::tr) == task && task != 0 &&
                   page.at<uint32_t>(vmcb_offset::tr + vmcb_offset::in_segment_limit) ==
                       task_limit &&
                   page.at<uint16_t>(vmcb_offset::ldtr) == table);
}

BEHAVIOUR(vmsave_stores_nothing_else) {
    page.fill(untouched);
    __svm_vmsave(page.physical_address());
    for (size_t offset = 0; offset < sizeof(page.bytes); ++offset) {
        if (!is_moved(offset) && page.bytes[offset] != untouched) {
            return Finding::fails;
        }
    }
    return Finding::holds;
}

BEHAVIOUR(vmload_loads_msrs) {
    write_moved_msrs();
    __svm_vmsave(original_state.physical_address());
    page = original_state;
    for (const MovedMsr& moved : moved_msrs) {
        page.at<uint64_t>(moved.field) = moved.other_value();
    }
    __svm_vmload(page.physical_address());
    bool loaded = true;
    for (const MovedMsr& moved : moved_msrs) {
        loaded = loaded && machine::read(moved.msr) == moved.other_value();
    }
    __svm_vmload(original_state.physical_address());
    for (const MovedMsr& moved : moved_msrs) {
        loaded = loaded && machine::read(moved.msr) == moved.value;
    }
    return finding(loaded);
}

BEHAVIOUR(vmload_then_vmsave_gives_the_same_state) {
    __svm_vmsave(original_state.physical_address());
    page.fill(0);
    second_page.fill(0);
    fill_moved_state(page);
    __svm_vmload(page.physical_address());
    __svm_vmsave(second_page.physical_address());
    __svm_vmload(original_state.physical_address());
    return finding(same_moved_state(page, second_page) &&
                   !same_moved_state(second_page, original_state));
}
