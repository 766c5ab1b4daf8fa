// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/judge/exit_judge.hpp"

#include "host_runner/judge/exit_rules.hpp"
#include "host_runner/judge/l1_difference.hpp"
#include "host_runner/judge/show.hpp"

#include "harness/svm/cpu.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fmt/format.h>
#include <optional>
#include <utility>

namespace vmrunit::runner {

namespace {

using cases::Match;

constexpr std::uint64_t width_mask(unsigned bytes) {
    return svm::low_bits(bytes * 8);
}

std::uint32_t bytes_of(std::uint64_t bits) {
    std::uint32_t count = 0;
    for (; bits != 0; bits >>= 8) {
        count += (bits & 0xff) != 0 ? 1 : 0;
    }
    return count;
}

/// Everything that is compared once, with the sink for what differs.
class ExitJudge {
public:
    ExitJudge(const cases::ExitExpectation& expectation, const BeforeImage& before,
              const Observation& seen, const Resolver& resolve, const L2Start& start,
              const svm::Features& features)
        : expectation_(expectation),
          before_(before),
          seen_(seen),
          resolve_(resolve),
          start_(start),
          features_(features) {}

    ExitJudgement judge() {
        build_actual();
        judge_vmcb();
        judge_registers();
        judge_memory();
        judge_l1();
        result_.exit_code = read(actual_, svm::field::exit_code);
        result_.saved_rip = read(actual_, svm::field::rip);
        return std::move(result_);
    }

private:
    using Page = std::array<std::uint8_t, svm::vmcb_size>;

    static std::uint64_t read(const Page& page, svm::FieldRef field) {
        return svm::read_field(std::span<const std::uint8_t, svm::vmcb_size>{page}, field);
    }

    void differ(std::string field, std::string expected, std::string actual,
                std::string changed_bits = {}) {
        result_.differences.push_back({std::move(field), std::move(expected), std::move(actual),
                                       std::move(changed_bits), false});
    }

    void build_actual() {
        std::memcpy(actual_.data(), &before_.vmcb(), sizeof before_.vmcb());
        for (const Change& change : seen_.vmcb) {
            std::memcpy(actual_.data() + change.where, &change.value, sizeof change.value);
        }
    }

    void judge_vmcb() {
        ExpectedVmcb expected =
            expected_after_exit({before_.vmcb(), expectation_.exit_code, resolve_(expectation_.rip),
                                 resolve_(expectation_.next_rip), features_});
        judge_instruction_bytes(expected);
        for (const cases::FieldExpectation& row : expectation_.fields) {
            apply(row, expected);
        }
        free_unobserved_attributes(expected);
        show_exit_code(expected);
        for (const svm::Field& field : svm::vmcb_fields) {
            compare_field(field, expected);
        }
    }

    /// Of the bytes behind the program's end nothing is said: they are another one's.
    void judge_instruction_bytes(ExpectedVmcb& expected) const {
        using cases::InstructionBytes;
        if (expectation_.instruction_bytes == InstructionBytes::unsaid ||
            !features_.test(svm::Feature::decode_assists)) {
            return;
        }
        const svm::FieldRef place = svm::field::insn_bytes;
        const L2Program& program = resolve_.program();
        std::uint64_t count = 0;
        if (expectation_.instruction_bytes == InstructionBytes::stored) {
            count = place.size_bytes;
        } else if (expectation_.instruction_bytes == InstructionBytes::own) {
            count = program.after - program.insn;
        }
        expected.set(svm::field::insn_byte_count.offset, 1, count);
        const std::size_t first = program.insn - program.start;
        for (unsigned i = 0; i < count && first + i < program.bytes.size(); ++i) {
            expected.set(place.offset + i, 1, program.bytes[first + i]);
        }
    }

    void apply(const cases::FieldExpectation& row, ExpectedVmcb& expected) {
        const svm::FieldRef field = row.field;
        if (row.match == Match::free || !features_.contains_all(row.needs)) {
            expected.free(field.offset, field.size_bytes, row.mask);
            return;
        }
        if (row.match == Match::equals) {
            expected.set(field.offset, field.size_bytes, resolve_(row.value), row.mask);
            return;
        }
        const std::uint64_t mask = row.mask & width_mask(field.size_bytes);
        const std::uint64_t now = read(actual_, field);
        const std::uint64_t was = expected.value_at(field.offset, field.size_bytes);
        if (((now ^ was) & mask) == 0) {
            differ(std::string{svm::field_info(field).name}, "changed",
                   show_field(field, now, resolve_) + " (unchanged)");
        }
        expected.free(field.offset, field.size_bytes, mask);
    }

    void show_exit_code(const ExpectedVmcb& expected) {
        const svm::FieldRef field = svm::field::exit_code;
        const std::uint64_t wanted = expected.value_at(field.offset, 8);
        const std::uint64_t actual = read(actual_, field);
        result_.differences.insert(result_.differences.begin(),
                                   FieldDifference{std::string{svm::field_info(field).name},
                                                   show_field(field, wanted, resolve_),
                                                   show_field(field, actual, resolve_),
                                                   {},
                                                   wanted == actual});
    }

    /// Fields of more than eight bytes are reserved runs and byte arrays: compared in words.
    void compare_field(const svm::Field& field, const ExpectedVmcb& expected) {
        const svm::FieldRef whole = field.ref();
        if (whole == svm::field::exit_code) {
            return;
        }
        for (unsigned done = 0; done < whole.size_bytes; done += 8) {
            const unsigned size = std::min<unsigned>(8, whole.size_bytes - done);
            const svm::FieldRef part{static_cast<std::uint16_t>(whole.offset + done),
                                     static_cast<std::uint16_t>(size)};
            const std::uint64_t wanted = expected.value_at(part.offset, size);
            const std::uint64_t judged = expected.judged_at(part.offset, size);
            std::uint64_t actual = 0;
            std::memcpy(&actual, actual_.data() + part.offset, size);
            result_.masked_bytes += bytes_of((wanted ^ actual) & ~judged);
            if (((wanted ^ actual) & judged) == 0) {
                continue;
            }
            std::string name{field.name};
            if (whole.size_bytes > 8) {
                name += fmt::format("+0x{:x}", done);
            }
            differ(std::move(name), show_field(part, wanted, resolve_),
                   show_field(part, actual, resolve_),
                   show_changed_bits(whole, wanted, actual, judged));
        }
    }

    /// Bits of a general register that L2's mode and L1's can see: the rest is not preserved, and a
    /// 32-bit L1 does not observe it. APM1 3.1.2.
    [[nodiscard]] std::uint64_t visible(unsigned number) const {
        if (start_.mode == L2Mode::long64 && l1_bits(start_.l1) == 64) {
            return every_bit;
        }
        return number < 8 ? 0xffff'ffff : 0;
    }

    void judge_registers() {
        std::array<std::uint64_t, register_count> actual{};
        for (unsigned i = 0; i < register_count; ++i) {
            actual[i] = before_.reg(i);
        }
        for (const Change& change : seen_.registers) {
            actual[change.where] = change.value;
        }
        for (unsigned i = 0; i < register_count; ++i) {
            const auto reg = static_cast<Register>(i);
            if (reg != Register::rax && reg != Register::rsp) {
                judge_register(reg, before_.reg(i), actual[i]);
            }
        }
    }

    void judge_register(Register reg, std::uint64_t was, std::uint64_t now) {
        const auto number = static_cast<unsigned>(reg);
        std::uint64_t wanted = was;
        std::uint64_t judged = visible(number);
        for (const cases::RegisterExpectation& row : expectation_.registers) {
            if (row.reg != reg) {
                continue;
            }
            const std::uint64_t mask = row.mask & visible(number);
            if (row.match == Match::equals) {
                wanted = (wanted & ~mask) | (resolve_(row.value) & mask);
                continue;
            }
            judged &= ~mask;
            if (row.match == Match::changed && ((was ^ now) & mask) == 0) {
                differ(fmt::format("l2.{}", register_names[number]), "changed",
                       fmt::format("0x{:016x} (unchanged)", now));
            }
        }
        result_.masked_bytes += bytes_of((wanted ^ now) & ~judged);
        if (((wanted ^ now) & judged) != 0) {
            differ(fmt::format("l2.{}", register_names[number]),
                   fmt::format("0x{:016x}", wanted & judged),
                   fmt::format("0x{:016x}", now & judged));
        }
    }

    struct MemoryWord {
        Region region;
        std::uint32_t offset;
        std::uint64_t wanted, actual;
        std::uint64_t judged = every_bit;
    };

    MemoryWord& memory_word(std::vector<MemoryWord>& words, Region region, std::uint32_t offset) {
        for (MemoryWord& word : words) {
            if (word.region == region && word.offset == offset) {
                return word;
            }
        }
        const std::uint64_t was = before_.word(region, offset);
        return words.emplace_back(MemoryWord{region, offset, was, was});
    }

    void judge_memory() {
        std::vector<MemoryWord> words;
        for (const MemoryChange& change : seen_.memory) {
            memory_word(words, change.region, change.offset).actual = change.value;
        }
        for (const cases::MemoryExpectation& row : expectation_.memory) {
            const std::uint64_t value = resolve_(row.value);
            for (unsigned i = 0; i < row.size; ++i) {
                const std::uint32_t at = row.offset + i;
                MemoryWord& word = memory_word(words, resolve_.region(row.region), at & ~7u);
                const unsigned shift = at % 8 * 8;
                const std::uint64_t mask = (row.mask >> (8 * i) & 0xff) << shift;
                if (row.match == Match::equals) {
                    word.wanted =
                        (word.wanted & ~mask) | ((value >> (8 * i) & 0xff) << shift & mask);
                } else {
                    word.judged &= ~mask;
                }
            }
            if (row.match == Match::changed) {
                require_changed(row, words);
            }
        }
        for (const MemoryWord& word : words) {
            result_.masked_bytes += bytes_of((word.wanted ^ word.actual) & ~word.judged);
            if (((word.wanted ^ word.actual) & word.judged) != 0) {
                differ(memory_name(word.region, word.offset), fmt::format("0x{:016x}", word.wanted),
                       fmt::format("0x{:016x}", word.actual));
            }
        }
    }

    void require_changed(const cases::MemoryExpectation& row, std::vector<MemoryWord>& words) {
        for (unsigned i = 0; i < row.size; ++i) {
            const std::uint32_t at = row.offset + i;
            const Region region = resolve_.region(row.region);
            const MemoryWord& word = memory_word(words, region, at & ~7u);
            const std::uint64_t was = before_.word(region, at & ~7u);
            if (((word.actual ^ was) >> (at % 8 * 8) & 0xff) != 0) {
                return;
            }
        }
        differ(memory_name(row.region, row.offset), "changed", "unchanged");
    }

    static std::string memory_name(Region region, std::uint32_t offset) {
        if (region == Region::l2_memory || region == Region::low_memory) {
            struct Part {
                const char* name;
                std::uint32_t offset;
            };
            // Descending, so that the first one not above the offset is the one it lies in.
            for (const Part& part :
                 {Part{"tss16", offsetof(L2Memory, tss16)}, Part{"data", offsetof(L2Memory, data)},
                  Part{"kernel_stack", offsetof(L2Memory, kernel_stack)},
                  Part{"stack", offsetof(L2Memory, stack)},
                  Part{"tss32", offsetof(L2Memory, tss32)},
                  Part{"tss64", offsetof(L2Memory, tss64)}, Part{"gdt", offsetof(L2Memory, gdt)}}) {
                if (offset >= part.offset) {
                    return fmt::format("{}+0x{:x}", part.name, offset - part.offset);
                }
            }
        }
        return fmt::format("{}+0x{:x}", place_of(region).name, offset);
    }

    /// CR2 is not the guest's after a VMRUN that never loaded it.
    void judge_l1() {
        for (const Change& change : seen_.l1) {
            const auto state = static_cast<wire::L1State>(change.where);
            if (state == wire::L1State::cr2 && expectation_.exit_code == svm::ExitCode::invalid) {
                continue;
            }
            if (auto difference = l1_difference(change)) {
                result_.differences.push_back(std::move(*difference));
            }
        }
    }

    const cases::ExitExpectation& expectation_;
    const BeforeImage& before_;
    const Observation& seen_;
    const Resolver& resolve_;
    const L2Start& start_;
    const svm::Features& features_;
    Page actual_{};
    ExitJudgement result_;
};

} // namespace

ExitJudgement judge_exit(const cases::ExitExpectation& expectation, const BeforeImage& before,
                         const Observation& seen, const Resolver& resolve, const L2Start& start,
                         const svm::Features& features) {
    return ExitJudge{expectation, before, seen, resolve, start, features}.judge();
}

} // namespace vmrunit::runner
