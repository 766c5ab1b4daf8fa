// SPDX-License-Identifier: GPL-2.0-only
// Reading kernel modules. Files may be anybody's, so every offset is checked before it is used.
#include "host_runner/lab/kernel_module.hpp"

#include "host_runner/lab/decompress.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <elf.h>
#include <optional>

namespace vmrunit::runner {

namespace {

constexpr std::size_t largest_module = std::size_t{256} << 20; // with debug information
constexpr std::size_t most_sections = 1u << 16;

template<class Header>
std::optional<Header> header_at(std::span<const std::byte> bytes, std::uint64_t offset) {
    if (offset > bytes.size() || sizeof(Header) > bytes.size() - offset) {
        return std::nullopt;
    }
    Header header{};
    std::memcpy(&header, bytes.data() + offset, sizeof header);
    return header;
}

std::string_view text_at(std::span<const std::byte> bytes, std::uint64_t offset,
                         std::uint64_t size) {
    if (offset > bytes.size() || size > bytes.size() - offset) {
        return {};
    }
    return {reinterpret_cast<const char*>(bytes.data()) + offset, size};
}

std::optional<std::string_view> find_section(std::span<const std::byte> file,
                                             std::string_view wanted) {
    const auto elf = header_at<Elf64_Ehdr>(file, 0);
    if (!elf || std::memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0 ||
        elf->e_ident[EI_CLASS] != ELFCLASS64 || elf->e_machine != EM_X86_64 ||
        elf->e_type != ET_REL || elf->e_shentsize != sizeof(Elf64_Shdr)) {
        return std::nullopt;
    }
    const auto section = [&](std::size_t index) {
        return header_at<Elf64_Shdr>(file, elf->e_shoff + index * sizeof(Elf64_Shdr));
    };
    // More sections than fit the field, and their names behind those: the first has the numbers.
    const auto first = section(0);
    const std::size_t count = elf->e_shnum != 0 ? elf->e_shnum : first ? first->sh_size : 0;
    const std::size_t names_index = elf->e_shstrndx != SHN_XINDEX ? elf->e_shstrndx
                                    : first                       ? first->sh_link
                                                                  : 0;
    const auto names = section(names_index);
    if (!names || count > most_sections) {
        return std::nullopt;
    }
    const auto all_names = text_at(file, names->sh_offset, names->sh_size);
    for (std::size_t i = 0; i < count; ++i) {
        const auto header = section(i);
        if (!header) {
            return std::nullopt;
        }
        if (header->sh_name < all_names.size()) {
            const auto name = all_names.substr(header->sh_name);
            if (name.substr(0, name.find('\0')) == wanted) {
                return text_at(file, header->sh_offset, header->sh_size);
            }
        }
    }
    return std::nullopt;
}

/// As the kernel compares names.
std::string with_underscores(std::string_view name) {
    std::string text{name};
    std::ranges::replace(text, '-', '_');
    return text;
}

void take(KernelModule& module, std::string_view entry) {
    const auto equals = entry.find('=');
    if (equals == std::string_view::npos) {
        return;
    }
    const auto key = entry.substr(0, equals);
    auto value = entry.substr(equals + 1);
    if (key == "name") {
        module.name = with_underscores(value);
    } else if (key == "vermagic") {
        module.release = value.substr(0, value.find(' '));
    } else if (key == "parmtype") {
        module.parameters.emplace_back(value.substr(0, value.find(':')));
    } else if (key == "depends") {
        while (!value.empty()) {
            const auto end = std::min(value.find(','), value.size());
            module.depends.push_back(with_underscores(value.substr(0, end)));
            value.remove_prefix(std::min(end + 1, value.size()));
        }
    }
}

} // namespace

Result<KernelModule> parse_kernel_module(std::vector<std::byte> content) {
    const auto information = find_section(content, ".modinfo");
    if (!information) {
        return failure("it is not a kernel module for x86-64");
    }
    KernelModule module;
    for (auto rest = *information; !rest.empty();) {
        const auto end = std::min(rest.find('\0'), rest.size());
        take(module, rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    if (module.release.empty()) {
        return failure("it is not a kernel module: it does not state its kernel's release");
    }
    module.content = std::move(content);
    return module;
}

Result<KernelModule> read_kernel_module(const std::filesystem::path& file) {
    auto content = read_decompressed(file, largest_module);
    if (!content) {
        return tl::unexpected(content.error());
    }
    auto module = parse_kernel_module(std::move(*content));
    if (!module) {
        return misuse(file.string() + ": " + module.error().what);
    }
    if (module->name.empty()) { // Linux before 4.13 does not say
        module->name = module_name_of_file(file);
    }
    return module;
}

std::string module_name_of_file(const std::filesystem::path& file) {
    constexpr std::array<std::string_view, 4> endings{".ko", ".ko.gz", ".ko.xz", ".ko.zst"};
    const std::string name = file.filename();
    for (const auto ending : endings) {
        if (name.size() > ending.size() && name.ends_with(ending)) {
            return with_underscores(name.substr(0, name.size() - ending.size()));
        }
    }
    return {};
}

} // namespace vmrunit::runner
