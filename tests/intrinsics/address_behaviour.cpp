// SPDX-License-Identifier: GPL-2.0-only
// VMRUN, VMLOAD and VMSAVE take physical addresses, INVLPGA a linear one (APM volume 3). Two large
// pages change places, so that an address means another page one way than the other.
#include "tests/intrinsics/behaviour.hpp"
#include "tests/intrinsics/moved_state.hpp"

#include <intrin.h>

extern "C" {
#ifdef __x86_64__
extern volatile uint64_t low_directory[];
#else
extern volatile uint32_t low_directory[];
#endif
}

namespace {

#ifdef __x86_64__
constexpr size_t large_page = 0x20'0000;
#else
constexpr size_t large_page = 0x40'0000;
#endif
constexpr size_t first_place = 0x200'0000;
constexpr size_t second_place = first_place + large_page;

void map(size_t linear_address, size_t physical_address) {
    constexpr uint32_t large_writable_present = 0x83;
    low_directory[linear_address / large_page] =
        static_cast<uint32_t>(physical_address) | large_writable_present;
}

void flush_translations() {
    size_t cr3 = 0;
    asm volatile("mov %%cr3, %0\n\tmov %0, %%cr3" : "=r"(cr3) : : "memory");
}

class SwappedPlaces {
public:
    SwappedPlaces() {
        map(first_place, second_place);
        map(second_place, first_place);
        flush_translations();
    }
    ~SwappedPlaces() {
        map(first_place, first_place);
        map(second_place, second_place);
        flush_translations();
    }
    SwappedPlaces(const SwappedPlaces&) = delete;
    SwappedPlaces& operator=(const SwappedPlaces&) = delete;
};

VmcbPage& page_at(size_t linear_address) {
    return *reinterpret_cast<VmcbPage*>(linear_address);
}

VmcbPage original_state;

} // namespace

BEHAVIOUR(vmrun_takes_a_physical_address) {
    constexpr uint64_t untouched = 0x5555;
    constexpr size_t places[] = {first_place, second_place};
    for (size_t place : places) {
        page_at(place).prepare(l2_trash_everything);
        page_at(place).at<uint64_t>(vmcb_offset::exit_code) = untouched;
    }
    const SwappedPlaces swapped;
    __svm_vmrun(first_place);
    return finding(page_at(second_place).at<uint64_t>(vmcb_offset::exit_code) ==
                       exit_code_vmmcall &&
                   page_at(first_place).at<uint64_t>(vmcb_offset::exit_code) == untouched);
}

BEHAVIOUR(vmsave_takes_a_physical_address) {
    write_moved_msrs();
    __svm_vmsave(original_state.physical_address());
    page_at(first_place).fill(0);
    page_at(second_place).fill(0);
    const SwappedPlaces swapped;
    __svm_vmsave(first_place);
    return finding(same_moved_state(page_at(second_place), original_state) &&
                   !same_moved_state(page_at(first_place), original_state));
}

BEHAVIOUR(vmload_takes_a_physical_address) {
    constexpr uint64_t at_linear_address = 0x1234'5000;
    constexpr uint64_t at_physical_address = 0x6789'a000;
    __svm_vmsave(original_state.physical_address());
    __svm_vmsave(first_place);
    __svm_vmsave(second_place);
    const SwappedPlaces swapped;
    page_at(first_place).at<uint64_t>(vmcb_offset::lstar) = at_linear_address;
    page_at(second_place).at<uint64_t>(vmcb_offset::lstar) = at_physical_address;
    __svm_vmload(first_place);
    const uint64_t loaded = machine::read(machine::Msr::lstar);
    __svm_vmload(original_state.physical_address());
    return finding(loaded == at_physical_address);
}

BEHAVIOUR(invlpga_makes_a_new_mapping_visible) {
    constexpr uint8_t first_mark = 0x11;
    constexpr uint8_t second_mark = 0x22;
    constexpr int address_space_of_l1 = 0;
    page_at(first_place).fill(first_mark);
    page_at(second_place).fill(second_mark);
    volatile uint8_t& seen = page_at(first_place).at<uint8_t>(0);
    const bool before = seen == first_mark;
    map(first_place, second_place);
    __svm_invlpga(reinterpret_cast<void*>(first_place), address_space_of_l1);
    const bool after = seen == second_mark;
    map(first_place, first_place);
    flush_translations();
    return finding(before && after);
}
