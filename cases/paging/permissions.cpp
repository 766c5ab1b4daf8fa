// SPDX-License-Identifier: GPL-2.0-only
// What L2's own page tables permit, behind nested tables and without them, where a hypervisor below
// L1 shadows them: each level and page size, each reason to refuse, each kind of access and CPL,
// with CR0.WP, CR4.SMEP, CR4.SMAP and RFLAGS.AC, and EFER.NXE both ways. The twin of npt/ for the
// other tables. APM2 5.4, 5.6, 8.4.2.

#include "cases/model/delivery.hpp"
#include "cases/model/guest_case.hpp"
#include "cases/model/instruction_table.hpp"
#include "cases/paging/own_tables.hpp"
#include "cases/paging/setting.hpp"

#include "harness/svm/cpu.hpp"
#include "harness/world.hpp"

#include <array>
#include <optional>
#include <string>
#include <utility>

namespace vmrunit::cases {
namespace {

namespace field = svm::field;
using svm::Feature;
using svm::Intercept;

// Bits of the error code.
constexpr std::uint32_t protection = 1; ///< The entry was present.
constexpr std::uint32_t by_write = 2;
constexpr std::uint32_t by_user = 4;
constexpr std::uint32_t reserved = 8;
constexpr std::uint32_t by_fetch = 0x10;

enum class Kind : std::uint8_t { read, write, fetch };
struct Access {
    Kind kind;
    std::string_view name;
    std::string_view program;
};
constexpr std::array all_accesses{Access{Kind::read, "read", "raise_pf_read"},
                                  Access{Kind::write, "write", "raise_pf_write"},
                                  Access{Kind::fetch, "fetch", "raise_pf_fetch"}};

/// What the entry in question is like.
struct Entry {
    std::string name;
    std::uint64_t set = 0;
    std::uint64_t cleared = 0;
    bool has_reserved_bit = false;
    svm::Features without{};

    [[nodiscard]] bool is_present() const { return (cleared & world::present) == 0; }
    [[nodiscard]] bool is_writable() const { return (cleared & world::writable) == 0; }
    [[nodiscard]] bool is_users() const { return (cleared & world::user) == 0; }
    [[nodiscard]] bool has_no_execute() const { return (set & no_execute) != 0; }
};

constexpr Setting usual{};

bool has_eight_bytes(L2Mode mode) {
    return mode != L2Mode::prot32;
}

/// The error code of the fault that L2's tables raise, or none. `nxe` counts where entries have
/// such a bit.
std::optional<std::uint32_t> error_code(const Entry& entry, Kind kind, const L2Start& start,
                                        const Setting& setting) {
    const bool nxe = setting.nxe && has_eight_bytes(start.mode);
    const bool is_user = start.cpl == 3;
    std::uint32_t code = is_user ? by_user : 0;
    code |= kind == Kind::write ? by_write : 0;
    code |= kind == Kind::fetch && (nxe || setting.smep) ? by_fetch : 0;
    if (!entry.is_present()) {
        return code;
    }
    if (entry.has_reserved_bit || (entry.has_no_execute() && !nxe)) {
        return code | protection | reserved;
    }
    bool refused = kind == Kind::fetch && entry.has_no_execute();
    if (is_user) {
        refused |= !entry.is_users() || (kind == Kind::write && !entry.is_writable());
    } else {
        refused |= kind == Kind::write && !entry.is_writable() && setting.wp;
        refused |= kind == Kind::fetch && entry.is_users() && setting.smep;
        refused |= kind != Kind::fetch && entry.is_users() && setting.smap && !setting.ac;
    }
    return refused ? std::optional{code | protection} : std::nullopt;
}

std::vector<Entry> plain_entries(NestedLevel level, L2Mode mode) {
    std::vector<Entry> entries{{"sound"}, {"absent", 0, world::present}};
    if (mode == L2Mode::pae && level == NestedLevel::pdpt) {
        return entries; // It has no other bits of this kind.
    }
    entries.push_back({"read_only", 0, world::writable});
    entries.push_back({"supervisor", 0, world::user});
    entries.push_back({"supervisor_read_only", 0, world::user | world::writable});
    if (has_eight_bytes(mode)) {
        entries.push_back({"no_execute", no_execute});
        entries.push_back({"no_execute_read_only", no_execute, world::writable});
    }
    return entries;
}

/// Address bits from the width of physical addresses on: address_bits.cpp.
std::vector<Entry> reserved_entries(NestedLevel level, L2Mode mode) {
    std::vector<Entry> entries;
    const auto bits = [&entries](unsigned first, unsigned end) {
        for (unsigned number = first; number < end; ++number) {
            entries.push_back(
                {"reserved_" + std::to_string(number), std::uint64_t{1} << number, 0, true});
        }
    };
    switch (level) {
    case NestedLevel::leaf_2m:
        bits(13, 21);
        break;
    case NestedLevel::leaf_1g:
        bits(13, 30);
        break;
    case NestedLevel::leaf_4m:
        bits(21, 22); // Below it lie eight bits of the address.
        break;
    case NestedLevel::pdpt:
        if (mode == L2Mode::pae) {
            break; // VMRUN looks at these: consistency/pdpte.
        }
        // It is what a CPU with 1 GiB pages has PS for.
        bits(7, 8);
        entries.back().without = Feature::page_1gb;
        break;
    case NestedLevel::pml4:
        bits(7, 9);
        break;
    default:
        break;
    }
    if (mode == L2Mode::pae && level != NestedLevel::pdpt) {
        bits(52, 63);
    }
    return entries;
}

/// A PDPTE of PAE has fewer than others.
std::vector<Entry> ignored_entries(NestedLevel level, L2Mode mode) {
    const bool is_pae_pointer = mode == L2Mode::pae && level == NestedLevel::pdpt;
    const std::vector<unsigned> bits = is_pae_pointer ? std::vector<unsigned>{3, 4, 9, 10, 11}
                                                      : ignored_in_entry(level, is_long_mode(mode));
    std::vector<Entry> entries;
    for (const unsigned number : bits) {
        entries.push_back({"ignored_" + std::to_string(number), std::uint64_t{1} << number});
    }
    return entries;
}

ExitExpectation gets_through(Kind kind, Value address) {
    ExitExpectation exit = program_ends();
    switch (kind) {
    case Kind::read:
        exit.registers = {{Register::rbx, 0x00d9'010f}};
        break;
    case Kind::write:
        exit.memory = {{Region::l2_memory, l2_data_offset, 4, 0x1111'1111}};
        break;
    case Kind::fetch:
        // L2's data is a VMMCALL.
        exit.rip = address;
        exit.next_rip = Value{address.anchor, address.part, address.number + 3};
        break;
    }
    return exit;
}

ExitExpectation exits(Kind kind, Value address, std::uint32_t code) {
    ExitExpectation exit;
    exit.exit_code = svm::ExitCode::exception_pf;
    exit.rip = kind == Kind::fetch ? address : at_insn;
    exit.fields = {{field::exit_info_1, code}, {field::exit_info_2, address}};
    exit.instruction_bytes =
        kind == Kind::fetch ? InstructionBytes::none : InstructionBytes::stored;
    return exit;
}

/// By L2's own IDT.
ExitExpectation is_delivered(Kind kind, Value address, std::uint32_t code, const L2Start& start) {
    Delivery delivery{.vector = 14, .error_code = code};
    if (kind == Kind::fetch) {
        delivery.return_rip = address;
    }
    ExitExpectation exit = delivered(start, delivery);
    exit.fields.push_back({field::cr2, address});
    return exit;
}

class Matrix {
public:
    Matrix(Catalogue& catalogue, const L2Start& start) : catalogue_(catalogue), start_(start) {}

    void add(NestedLevel level, const Entry& entry, const Access& access, const Setting& setting,
             bool intercepted = true,
             const std::source_location& where = std::source_location::current()) {
        const Value address = own_address(level, l2_data_offset);
        constexpr std::uint64_t vmmcall = 0x00d9'010f;
        std::vector<Step> steps = own_way(level, start_.mode, entry.set, entry.cleared);
        for (Step& step : steps_of(setting, start_)) {
            steps.emplace_back(std::move(step));
        }
        steps.emplace_back(l2_register(Register::rdi, address));
        steps.emplace_back(l2_register(Register::rbx, 0x1111'1111));
        steps.emplace_back(l2_data_bytes(0, 4, vmmcall));
        if (intercepted) {
            steps.emplace_back(intercepting(Intercept::exception_pf));
        }
        const std::optional<std::uint32_t> code = error_code(entry, access.kind, start_, setting);
        const std::string outcome = !code ? "permitted" : intercepted ? "intercepted" : "delivered";
        add_guest_case(
            catalogue_,
            {.name = "paging/" + std::string{name_of(level)} + "/" + entry.name + "/" +
                     std::string{access.name} + (setting.name.empty() ? "" : "_") +
                     std::string{setting.name} + "/" + outcome,
             .title = code ? "L2's own tables refuse the access." : "L2's own tables permit it.",
             .manual = "APM2 5.6",
             .needs = needs_for(setting) | needs_of(level),
             .without = entry.without,
             .program = access.program,
             .steps = std::move(steps),
             .exit = !code         ? gets_through(access.kind, address)
                     : intercepted ? exits(access.kind, address, *code)
                                   : is_delivered(access.kind, address, *code, start_),
             .l1_modes = only(start_.l1)},
            start_, where);
    }

    void usual_settings(NestedLevel level) {
        for (const Access& access : all_accesses) {
            for (const Entry& entry : plain_entries(level, start_.mode)) {
                add(level, entry, access, usual);
                if (error_code(entry, access.kind, start_, usual)) {
                    add(level, entry, access, usual, false);
                }
            }
            // Each bit by a read, and the lowest by other accesses as well.
            const std::vector<Entry> entries = reserved_entries(level, start_.mode);
            for (const Entry& entry : entries) {
                if (access.kind == Kind::read || &entry == &entries.front()) {
                    add(level, entry, access, usual);
                }
            }
            // Their twins, which are no matter of privilege.
            if (access.kind == Kind::read && start_.cpl == 0) {
                for (const Entry& entry : ignored_entries(level, start_.mode)) {
                    add(level, entry, access, usual);
                }
            }
        }
    }

    void other_settings(NestedLevel level) {
        for (const Entry& entry : plain_entries(level, start_.mode)) {
            for (const Access& access : all_accesses) {
                other_settings(level, entry, access);
            }
        }
    }

private:
    /// One that is about the access; and all at once, for those that are not.
    void other_settings(NestedLevel level, const Entry& entry, const Access& access) {
        const bool fetches = access.kind == Kind::fetch;
        if (access.kind == Kind::write) {
            add(level, entry, access, {.name = "wp_clear", .wp = false});
        }
        if (has_eight_bytes(start_.mode) && (fetches || entry.has_no_execute())) {
            add(level, entry, access, {.name = "nxe_clear", .nxe = false});
        }
        if (level == NestedLevel::pml4) {
            return; // Its way shares the lower levels with the usual one.
        }
        if (fetches) {
            add(level, entry, access, {.name = "smep", .smep = true});
        } else {
            add(level, entry, access, {.name = "smap", .smap = true});
            add(level, entry, access, {.name = "smap_ac", .smap = true, .ac = true});
        }
        add(level, entry, access,
            {.name = "smep_smap_wp_nxe_clear",
             .wp = false,
             .smep = true,
             .smap = true,
             .nxe = false});
    }

    Catalogue& catalogue_;
    L2Start start_;
};

void own_permissions(Catalogue& catalogue) {
    for (const L2Mode mode : paged_modes) {
        for (const std::uint8_t cpl : {std::uint8_t{0}, std::uint8_t{3}}) {
            for (const bool nested_paging : {true, false}) {
                each_l1_mode(all_l1_modes, [&](L1Mode l1) {
                    Matrix matrix{catalogue, {mode, cpl, nested_paging, l1}};
                    for (const NestedLevel level : own_levels(mode)) {
                        // L2's tables are L2's whatever L1 has: one size shows that.
                        if (l1 == L1Mode::long64 || level == NestedLevel::leaf_4k) {
                            matrix.usual_settings(level);
                        }
                        if (l1 == L1Mode::long64) {
                            matrix.other_settings(level);
                        }
                    }
                });
            }
        }
    }
}

const Registration registration{own_permissions};

} // namespace
} // namespace vmrunit::cases
