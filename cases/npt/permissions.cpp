// SPDX-License-Identifier: GPL-2.0-only
// What nested page tables permit: each level and page size, each reason to refuse, each kind of
// access, with the address and the error code that the exit reports. L2 uses a second way to its
// memory, through nested entries of its own, so that nothing else depends on the entry in question.
// L1 runs with EFER.NXE set, so a fetch is reported as one wherever there is NX. APM2 15.25.5,
// 15.25.6.

#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/npt/second_way.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/svm/exit_info.hpp"
#include "harness/world.hpp"

#include <array>
#include <string>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;

// Bits of EXITINFO1.
constexpr std::uint64_t present = 1;
constexpr std::uint64_t write = 2;
constexpr std::uint64_t user = 4; ///< Nested accesses are those of a user.
constexpr std::uint64_t reserved = 8;
constexpr std::uint64_t fetch = 0x10;
constexpr std::uint64_t final_address = std::uint64_t{1} << 32;

enum class Access : std::uint8_t { read, write, fetch };
constexpr std::array accesses{Access::read, Access::write, Access::fetch};

std::string_view name_of_access(Access access) {
    switch (access) {
    case Access::read:
        return "read";
    case Access::write:
        return "write";
    case Access::fetch:
        break;
    }
    return "fetch";
}

std::string_view program_of(Access access) {
    switch (access) {
    case Access::read:
        return "raise_pf_read";
    case Access::write:
        return "raise_pf_write";
    case Access::fetch:
        break;
    }
    return "raise_pf_fetch";
}

/// What is wrong with an entry.
struct Defect {
    std::string name;
    std::uint64_t set = 0;
    std::uint64_t cleared = 0;
    std::uint64_t reported = present;
    bool stops_reads = true;
    bool stops_writes = true;
    bool by_reads_only = false; ///< One of many alike: no other access is tried.
    svm::Features without{};
};

const Defect& sound() {
    static const Defect none{"sound", 0, 0, 0, false, false};
    return none;
}

bool stops(const Defect& defect, Access access) {
    switch (access) {
    case Access::read:
        return defect.stops_reads;
    case Access::write:
        return defect.stops_writes;
    case Access::fetch:
        break;
    }
    return defect.stops_reads || (defect.set & no_execute) != 0;
}

std::vector<Defect> defects(NestedLevel level, L1Mode l1) {
    std::vector<Defect> all{{"absent", 0, world::present, 0}};
    if (l1 == L1Mode::pae && level == NestedLevel::pdpt) {
        return all; // Nothing else has a meaning in it.
    }
    all.push_back({"read_only", 0, world::writable, present, false, true});
    all.push_back({"supervisor", 0, world::user});
    all.push_back({"supervisor_read_only", 0, world::user | world::writable});
    if (l1 != L1Mode::legacy) {
        all.push_back({"no_execute", no_execute, 0, present, false, false});
        all.push_back({"no_execute_read_only", no_execute, world::writable, present, false, true});
        all.push_back({"no_execute_supervisor", no_execute, world::user});
    }
    const auto reserved_bit = [&all](unsigned number, bool by_reads_only = false) {
        all.push_back({"reserved_" + std::to_string(number), std::uint64_t{1} << number, 0,
                       present | reserved, true, true, by_reads_only});
    };
    if (l1 == L1Mode::pae) {
        for (unsigned number = 52; number < 63; ++number) {
            reserved_bit(number, number != 52 && number != 62);
        }
    }
    switch (level) {
    case NestedLevel::leaf_1g:
        for (unsigned number = 13; number < 30; ++number) {
            reserved_bit(number);
        }
        break;
    case NestedLevel::leaf_2m:
        for (unsigned number = 13; number < 21; ++number) {
            reserved_bit(number);
        }
        break;
    case NestedLevel::leaf_4m:
        reserved_bit(21); // Below it lie eight bits of the address.
        break;
    case NestedLevel::pdpt:
        // It is what a CPU with 1 GiB pages has PS for.
        reserved_bit(7);
        all.back().without = svm::Feature::page_1gb;
        break;
    case NestedLevel::pml4:
        reserved_bit(7);
        reserved_bit(8);
        break;
    default:
        break;
    }
    return all;
}

/// The twins of the reserved ones: bits that refuse nothing.
std::vector<Defect> ignored_bits(NestedLevel level, L1Mode l1) {
    std::vector<Defect> all;
    if (l1 == L1Mode::pae && level == NestedLevel::pdpt) {
        return all; // Which of its bits are reserved no source says.
    }
    for (const unsigned number : ignored_in_entry(level, l1 == L1Mode::long64)) {
        all.push_back(
            {"ignored_" + std::to_string(number), std::uint64_t{1} << number, 0, 0, false, false});
    }
    return all;
}

/// One access through an entry that has the defect or none.
void add(Catalogue& catalogue, NestedLevel level, const Defect& defect, Access access,
         const L2Start& start, std::string_view variant, std::vector<Step> setup) {
    const Value address = second_address(level, l2_data_offset);
    std::vector<Step> steps = second_way(level, start.l1, defect.set, defect.cleared);
    steps.emplace_back(l2_register(Register::rdi, address));
    steps.emplace_back(l2_register(Register::rbx, 0x1111'1111));
    steps.emplace_back(l2_data_bytes(0, 4, access == Access::fetch ? 0x00d9'010f : 0x4433'2211));
    steps.insert(steps.end(), setup.begin(), setup.end());
    // Of an exit before this one.
    steps.emplace_back(vmcb_field(field::insn_byte_count, 8));
    GuestRow row{.name = "npt/" + std::string{name_of(level)} + "/" + defect.name + "/" +
                         std::string{name_of_access(access)} + std::string{variant},
                 .title = "The entry permits the access.",
                 .manual = "APM2 15.25.5",
                 .needs = needs_of(level),
                 .without = defect.without,
                 .program = program_of(access),
                 .steps = std::move(steps),
                 .l1_modes = only(start.l1)};
    if (stops(defect, access)) {
        row.title = "The entry does not permit the access.";
        row.manual = "APM2 15.25.6";
        row.exit.exit_code = svm::ExitCode::npf;
        row.exit.rip = access == Access::fetch ? address : at_insn;
        row.exit.instruction_bytes =
            access == Access::fetch ? InstructionBytes::none : InstructionBytes::stored;
        std::uint64_t info = final_address | user | defect.reported;
        info |= access == Access::write ? write : 0;
        info |= access == Access::fetch ? fetch : 0;
        // Without PAE there is no NX, and the bit of a fetch is not defined (APM2 8.4.2).
        const std::uint64_t undefined = start.l1 == L1Mode::legacy ? fetch : 0;
        row.exit.fields = {{field::exit_info_1, info, ~undefined},
                           {field::exit_info_2, guest_physical(level, l2_data_offset)}};
        if (undefined != 0) {
            row.exit.fields.push_back({field::exit_info_1, {}, undefined, Match::free});
        }
    } else {
        row.exit = program_ends();
        switch (access) {
        case Access::read:
            row.exit.registers = {{Register::rbx, 0x4433'2211}};
            break;
        case Access::write:
            row.exit.memory = {{Region::l2_memory, l2_data_offset, 4, 0x1111'1111}};
            break;
        case Access::fetch:
            // L2's data is a VMMCALL then.
            row.exit.rip = address;
            row.exit.next_rip = Value{address.anchor, address.part, address.number + 3};
            break;
        }
    }
    add_guest_case(catalogue, row, start);
}

void level_permissions(Catalogue& catalogue, NestedLevel level, const L2Start& start) {
    const std::vector<Defect> all = defects(level, start.l1);
    for (const Access access : accesses) {
        add(catalogue, level, sound(), access, start, "", {});
        for (const Defect& defect : all) {
            if (access == Access::read || !defect.by_reads_only) {
                add(catalogue, level, defect, access, start, "", {});
            }
        }
    }
    if (start.cpl == 0) {
        for (const Defect& none : ignored_bits(level, start.l1)) {
            add(catalogue, level, none, Access::read, start, "", {});
        }
    }
    for (const Defect& defect : all) {
        if (defect.name == "read_only" || defect.name == "no_execute_read_only") {
            // CR0.WP of L2 is about L2's own tables.
            add(catalogue, level, defect, Access::write, start, "_wp_clear",
                {vmcb_clear(field::cr0, svm::cr0::wp)});
        }
    }
}

void permissions(Catalogue& catalogue) {
    each_l1_mode(all_l1_modes, [&](L1Mode l1) {
        for (const L2Mode mode : paged_modes) {
            for (const std::uint8_t cpl : {std::uint8_t{0}, std::uint8_t{3}}) {
                for (const NestedLevel level : nested_levels(l1)) {
                    if (level != NestedLevel::pml4 || reaches_beyond_4g(mode)) {
                        level_permissions(catalogue, level, {mode, cpl, true, l1});
                    }
                }
            }
        }
    });
}

const Registration registration{permissions};

} // namespace
} // namespace vmrunit::cases
