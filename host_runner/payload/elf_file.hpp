// SPDX-License-Identifier: GPL-2.0-only
// The little of ELF that a payload needs: sections by name, loaded bytes by address, notes. ELF64,
// or ELF32 of a payload for a 32-bit L1. A payload may be anybody's file, so every offset is
// checked before it is used.
#pragma once

#include "host_runner/error.hpp"

#include <cstddef>
#include <cstdint>
#include <elf.h>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace vmrunit::runner {

class ElfFile {
public:
    [[nodiscard]] static Result<ElfFile> read(const std::filesystem::path& file);

    /// Contents of a section; nothing if it is not there or has no bytes in the file.
    [[nodiscard]] std::optional<std::span<const std::byte>> section(std::string_view name) const;
    /// Bytes that are loaded at link address `address`; nothing unless all of them are in the file.
    [[nodiscard]] std::optional<std::span<const std::byte>> loaded(std::uint64_t address,
                                                                   std::uint64_t size) const;
    /// One past the highest address any segment occupies.
    [[nodiscard]] std::uint64_t memory_end() const;
    /// Descriptor of the first note of that owner and type.
    [[nodiscard]] std::optional<std::span<const std::byte>> note(std::string_view owner,
                                                                 std::uint32_t type) const;

private:
    template<class Header, class Section, class Segment>
    [[nodiscard]] bool read_tables();
    [[nodiscard]] std::optional<std::span<const std::byte>> bytes(std::uint64_t offset,
                                                                  std::uint64_t size) const;

    std::vector<std::byte> data_;
    std::vector<Elf64_Shdr> sections_; ///< Those of an ELF32 too: the fields are the same.
    std::vector<Elf64_Phdr> segments_;
    std::span<const std::byte> names_;
};

} // namespace vmrunit::runner
