// SPDX-License-Identifier: GPL-2.0-only
// A payload as the runner knows it: read from the very ELF file that is booted.
#pragma once

#include "harness/program.hpp"
#include "host_runner/error.hpp"

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vmrunit::runner {

/// An L2 program with its bytes.
struct L2Program {
    std::string name;
    unsigned bits = 0;
    std::uint64_t start = 0, insn = 0, after = 0, end = 0;
    std::vector<std::uint8_t> bytes; ///< [start, end)
    /// What lies before the start of 64-bit code, see clear_upper_halves_size.
    std::vector<std::uint8_t> clears_upper_halves;
};

class PayloadImage {
public:
    /// Reads and checks the file: an ELF image with the sections of program.hpp and a build-id.
    [[nodiscard]] static Result<PayloadImage> load(const std::filesystem::path& file);

    [[nodiscard]] const std::filesystem::path& file() const { return file_; }
    [[nodiscard]] const std::array<std::uint8_t, 20>& build_id() const { return build_id_; }
    [[nodiscard]] std::string build_id_text() const;
    [[nodiscard]] const LayoutDescriptor& layout() const { return layout_; }
    [[nodiscard]] std::uint64_t arena_address(unsigned cpu) const {
        return layout_.arenas + std::uint64_t{cpu} * layout_.arena_stride;
    }
    [[nodiscard]] std::uint64_t handler_address(unsigned vector) const {
        return layout_.handlers + std::uint64_t{vector} * layout_.handler_size;
    }
    /// One past the last byte the image occupies in memory.
    [[nodiscard]] std::uint64_t memory_end() const { return memory_end_; }

    /// nullptr if the payload has no such program for code of that width.
    [[nodiscard]] const L2Program* program(std::string_view name, unsigned bits) const;
    [[nodiscard]] const std::vector<L2Program>& programs() const { return programs_; }
    /// Link address of an L1 routine; 0 if there is none of that name.
    [[nodiscard]] std::uint64_t routine(std::string_view name) const;

private:
    std::filesystem::path file_;
    std::array<std::uint8_t, 20> build_id_{};
    LayoutDescriptor layout_{};
    std::uint64_t memory_end_ = 0;
    std::vector<L2Program> programs_;
    std::map<std::pair<std::string, unsigned>, std::size_t, std::less<>> by_name_;
    std::map<std::string, std::uint64_t, std::less<>> routines_;
};

} // namespace vmrunit::runner
