// SPDX-License-Identifier: GPL-2.0-only
// Changing a module's code and its __bug_table (arch/x86/include/asm/bug.h,
// include/asm-generic/bug.h: struct bug_entry with relative pointers).
#include "tests/lab/faulty_module.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <elf.h>
#include <optional>
#include <span>
#include <string>

namespace vmrunit::runner {

namespace {

constexpr std::array<std::uint8_t, 4> endbr64{0xf3, 0x0f, 0x1e, 0xfa};
constexpr std::array<std::uint8_t, 2> ud2{0x0f, 0x0b};
constexpr std::array<std::uint8_t, 2> jump_to_itself{0xeb, 0xfe};
constexpr std::array<std::uint8_t, 3> cli_and_jump_to_itself{0xfa, 0xeb, 0xfe};
/// Behind it may stand a call of __fentry__, which the loader checks and must find.
constexpr std::size_t call_size = 5;

struct BugEntry {
    std::int32_t place;
    std::int32_t file;
    std::uint16_t line;
    std::uint16_t flags;
};
static_assert(sizeof(BugEntry) == 12);
constexpr std::uint16_t is_warning = 1;

class Module {
public:
    explicit Module(std::vector<std::byte>& bytes) : bytes_{bytes}, header_{at<Elf64_Ehdr>(0)} {}

    template<class Value>
    Value& at(std::size_t offset) {
        return *reinterpret_cast<Value*>(bytes_.data() + offset);
    }
    Elf64_Shdr& section(std::size_t number) {
        return at<Elf64_Shdr>(header_.e_shoff + number * sizeof(Elf64_Shdr));
    }
    std::string_view text(const Elf64_Shdr& strings, std::size_t offset) {
        return &at<const char>(strings.sh_offset + offset);
    }
    Elf64_Shdr* section(std::string_view name) {
        for (std::size_t i = 0; i < header_.e_shnum; ++i) {
            if (text(section(header_.e_shstrndx), section(i).sh_name) == name) {
                return &section(i);
            }
        }
        return nullptr;
    }
    /// Its number in the table of symbols.
    std::optional<std::size_t> find_function(std::string_view name) {
        const auto* const table = section(".symtab");
        const std::size_t count = table != nullptr ? table->sh_size / sizeof(Elf64_Sym) : 0;
        for (std::size_t i = 0; i < count; ++i) {
            const auto& symbol = at<Elf64_Sym>(table->sh_offset + i * sizeof(Elf64_Sym));
            if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC &&
                text(section(table->sh_link), symbol.st_name) == name) {
                return i;
            }
        }
        return std::nullopt;
    }

private:
    std::vector<std::byte>& bytes_;
    Elf64_Ehdr& header_;
};

std::span<const std::uint8_t> code_of(ModuleFault fault) {
    switch (fault) {
    case ModuleFault::warn:
    case ModuleFault::oops:
        return ud2;
    case ModuleFault::loop:
        return jump_to_itself;
    case ModuleFault::deaf_loop:
        return cli_and_jump_to_itself;
    }
    return {};
}

/// A signature that is wrong is refused; a module without one only taints the kernel.
void remove_signature(std::vector<std::byte>& bytes) {
    constexpr std::string_view mark = "~Module signature appended~\n";
    const std::string_view text{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    if (text.ends_with(mark)) {
        bytes.resize(bytes.size() - mark.size());
    }
}

} // namespace

bool plant_fault(std::vector<std::byte>& bytes, std::string_view function, ModuleFault fault) {
    remove_signature(bytes);
    Module module{bytes};
    const auto number = module.find_function(function);
    if (!number) {
        return false;
    }
    const auto& symbol =
        module.at<Elf64_Sym>(module.section(".symtab")->sh_offset + *number * sizeof(Elf64_Sym));
    const auto code = module.section(symbol.st_shndx).sh_offset + symbol.st_value;
    const bool has_endbr64 = std::memcmp(&module.at<char>(code), endbr64.data(), 4) == 0;
    const std::size_t skipped = has_endbr64 ? 0 : call_size;
    const auto planted = code_of(fault);
    std::memcpy(&module.at<char>(code + skipped), planted.data(), planted.size());
    if (fault != ModuleFault::warn) {
        return true;
    }
    const auto* const bugs = module.section("__bug_table");
    const auto* const relocations = module.section(".rela__bug_table");
    if (bugs == nullptr || relocations == nullptr) {
        return false;
    }
    for (std::size_t i = 0; i < relocations->sh_size / sizeof(Elf64_Rela); ++i) {
        auto& relocation = module.at<Elf64_Rela>(relocations->sh_offset + i * sizeof(Elf64_Rela));
        const auto entry = relocation.r_offset / sizeof(BugEntry) * sizeof(BugEntry);
        const auto flags = module.at<BugEntry>(bugs->sh_offset + entry).flags;
        if (relocation.r_offset == entry && (flags & is_warning) != 0) {
            relocation.r_info = ELF64_R_INFO(*number, R_X86_64_PC32);
            relocation.r_addend = static_cast<std::int64_t>(skipped);
            return true;
        }
    }
    return false;
}

} // namespace vmrunit::runner
