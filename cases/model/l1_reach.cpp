// SPDX-License-Identifier: GPL-2.0-only
#include "cases/model/l1_reach.hpp"

#include "cases/model/vmruns.hpp"

#include <algorithm>

namespace vmrunit::cases {

namespace {

constexpr std::uint64_t upper_half = ~std::uint64_t{0xffff'ffff};

/// RAX and RSP are the VMCB's, all 64 bits of them.
bool is_in_vmcb(Register reg) {
    return reg == Register::rax || reg == Register::rsp;
}

/// Of the registers that L1 itself loads.
const Write* general_register(const Step& step) {
    const auto* write = std::get_if<Write>(&step);
    const bool is_one = write != nullptr && write->region == Region::registers &&
                        !is_in_vmcb(static_cast<Register>(write->offset / 8));
    return is_one ? write : nullptr;
}

bool writes_rip(const Step& step) {
    const auto* write = std::get_if<Write>(&step);
    return write != nullptr && write->region == Region::vmcb &&
           write->offset == svm::field::rip.offset;
}

/// Nested tables have the form of L1's paging; PAE and 64-bit mode share the page directories.
bool has_tables_of(L1Mode l1, const Step& step) {
    const auto* write = std::get_if<Write>(&step);
    if (write == nullptr) {
        return true;
    }
    switch (write->region) {
    case Region::nested_pml4:
    case Region::nested_pdpt:
        return l1 == L1Mode::long64;
    case Region::nested_pae_pdpt:
        return l1 == L1Mode::pae;
    case Region::nested_pd:
        return l1 != L1Mode::legacy;
    case Region::nested_legacy_pd:
        return l1 == L1Mode::legacy;
    default:
        return true;
    }
}

class Reach32 {
public:
    explicit Reach32(const Case& one) : one_(one) {}

    [[nodiscard]] bool covers(const Step& step) const {
        if (const Write* write = general_register(step)) {
            return write->offset / 8 < 8 && (!is_wide() || fits(write->value));
        }
        if (writes_rip(step)) {
            return !clears_upper_halves(one_) || std::get<Write>(step).value == at_start;
        }
        if (const auto* write = std::get_if<L1Write>(&step)) {
            return write->target == wire::L1Register::msr || fits(write->value);
        }
        if (const auto* run = std::get_if<Run>(&step)) {
            return fits(run->vmcb);
        }
        return true;
    }

    [[nodiscard]] bool covers(const Expectation& expectation) const {
        const auto* exit = std::get_if<ExitExpectation>(&expectation);
        return exit == nullptr ||
               std::ranges::all_of(exit->registers, [&](const RegisterExpectation& row) {
                   return static_cast<unsigned>(row.reg) < 8 && (row.mask & ~upper_half) != 0;
               });
    }

private:
    /// Compatibility and legacy modes have no upper halves.
    [[nodiscard]] bool is_wide() const { return one_.start.mode == L2Mode::long64; }
    [[nodiscard]] bool fits(const Value& value) const {
        return (sample_of(value, one_.start) & upper_half) == 0;
    }

    const Case& one_;
};

} // namespace

bool in_reach_of_l1(const Case& one) {
    if (!std::ranges::all_of(one.steps,
                             [&](const Step& step) { return has_tables_of(one.start.l1, step); })) {
        return false;
    }
    if (l1_bits(one.start.l1) == 64) {
        return true;
    }
    const Reach32 reach{one};
    const auto covered = [&](const auto& part) { return reach.covers(part); };
    return std::ranges::all_of(one.steps, covered) &&
           std::ranges::all_of(one.expectations, covered);
}

bool clears_upper_halves(const Case& one) {
    return l1_bits(one.start.l1) == 32 && one.start.mode == L2Mode::long64 &&
           std::ranges::any_of(one.steps, [](const Step& step) { return general_register(step); });
}

Value entry_of(const Case& one, const Value& value) {
    if (value != at_start || !clears_upper_halves(one)) {
        return value;
    }
    return {Anchor::start, 0, 0 - clear_upper_halves_size};
}

} // namespace vmrunit::cases
