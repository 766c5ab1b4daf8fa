// SPDX-License-Identifier: GPL-2.0-only
// Tables of long mode lend themselves, as they are consecutive pages that 16-bit modes do not use.
// CS.base is not that of a selector then, which VMRUN does not ask for (APM2 15.5.1): it loads all
// of the hidden part. Memory is where it always is, with paging and without.
#include "cases/model/segment_end.hpp"

#include "cases/model/instruction_table.hpp"

#include <algorithm>

namespace vmrunit::cases {

namespace {

constexpr std::uint32_t segment_size = 0x1'0000;
constexpr std::uint32_t segment_border = 3 * page_size; ///< In Region::pd.
constexpr std::uint32_t vmmcall_bytes = 0xd9'010f;

// A CPU that wraps goes on at the first bytes of the segment, behind an instruction that was split
// at one of the later ones: NOPs lead to a VMMCALL. Else it would run through all that lies there,
// and what that does to the code of other cases would be theirs to show.
constexpr std::uint64_t eight_nops = 0x9090'9090'9090'9090;
constexpr std::uint32_t longest_instruction = 16; // Bytes: 15, rounded up.
constexpr Region segment_begin = Region::spare_vmcb;
static_assert(place_of(Region::pd).offset + segment_border ==
              place_of(segment_begin).offset + segment_size);

} // namespace

CodeCopy code_at_segment_end(bool splits_insn) {
    return {in_region(Region::pd, segment_border),
            splits_insn,
            true,
            {Region::pd, segment_border},
            {Region::pd, segment_border}};
}

std::vector<Step> segment_before_end() {
    return {vmcb_field(svm::field::cs_base, in_region(segment_begin)),
            Write{wire::Op::Code::write, segment_begin, 0, 8, eight_nops},
            Write{wire::Op::Code::write, segment_begin, 8, 8, eight_nops},
            Write{wire::Op::Code::write, segment_begin, longest_instruction, 4, vmmcall_bytes}};
}

ExitExpectation fetch_beyond_segment(const L2Start& start, Value rip) {
    // Frames of 16 bits hold IP.
    const bool narrow = start.mode != L2Mode::v86;
    return delivered(start,
                     {.vector = 13, .error_code = 0, .return_rip = narrow ? rip & 0xffff : rip});
}

ExitExpectation with_next_rip_open(ExitExpectation exit) {
    const auto open = [&exit](svm::FieldRef field) {
        exit.fields.push_back({field, {}, segment_size, Match::free});
    };
    // EXITINFO2 of IOIO is one too.
    const bool is_reported = std::ranges::any_of(exit.fields, [](const FieldExpectation& one) {
        return one.field.offset == svm::field::exit_info_2.offset && one.value == at_after;
    });
    open(svm::field::next_rip);
    if (is_reported) {
        open(svm::field::exit_info_2);
    }
    return exit;
}

} // namespace vmrunit::cases
