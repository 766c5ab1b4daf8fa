// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/payload/elf_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <fstream>

namespace vmrunit::runner {

namespace {

constexpr std::uintmax_t max_file_size = 256u << 20;

Elf64_Shdr widened(const Elf64_Shdr& header) {
    return header;
}
Elf64_Phdr widened(const Elf64_Phdr& header) {
    return header;
}
Elf64_Shdr widened(const Elf32_Shdr& header) {
    Elf64_Shdr wide{};
    wide.sh_name = header.sh_name;
    wide.sh_type = header.sh_type;
    wide.sh_offset = header.sh_offset;
    wide.sh_size = header.sh_size;
    return wide;
}
Elf64_Phdr widened(const Elf32_Phdr& header) {
    Elf64_Phdr wide{};
    wide.p_type = header.p_type;
    wide.p_offset = header.p_offset;
    wide.p_vaddr = header.p_vaddr;
    wide.p_paddr = header.p_paddr;
    wide.p_filesz = header.p_filesz;
    wide.p_memsz = header.p_memsz;
    return wide;
}

template<class Header, class Wide>
std::optional<std::vector<Wide>> table(std::span<const std::byte> data, std::uint64_t offset,
                                       std::size_t count, std::size_t entry_size) {
    if (count != 0 && entry_size != sizeof(Header)) {
        return std::nullopt;
    }
    const std::uint64_t size = std::uint64_t{count} * sizeof(Header);
    if (offset > data.size() || size > data.size() - offset) {
        return std::nullopt;
    }
    std::vector<Wide> entries;
    entries.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        Header header;
        std::memcpy(&header, data.data() + offset + i * sizeof header, sizeof header);
        entries.push_back(widened(header));
    }
    return entries;
}

} // namespace

Result<ElfFile> ElfFile::read(const std::filesystem::path& file) {
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(file, error);
    if (error) {
        return failure(fmt::format("cannot read payload {}: {}", file.string(), error.message()),
                       "build it with ./vmrunit, or name another with --payload FILE");
    }
    const auto bad = [&](std::string_view why) {
        return failure(fmt::format("{} is not a payload: {}", file.string(), why),
                       "a payload is an ELF image built on the guest library");
    };
    if (size > max_file_size) {
        return bad("larger than 256 MiB");
    }
    ElfFile elf;
    elf.data_.resize(size);
    std::ifstream in(file, std::ios::binary);
    if (!in.read(reinterpret_cast<char*>(elf.data_.data()), static_cast<std::streamsize>(size))) {
        return failure(
            fmt::format("cannot read payload {}: {}", file.string(), std::strerror(errno)));
    }
    if (size < sizeof(Elf64_Ehdr)) {
        return bad("too short for an ELF header");
    }
    Elf64_Ehdr header; // What both classes begin with lies at the same place.
    std::memcpy(&header, elf.data_.data(), sizeof header);
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
        return bad("no ELF magic");
    }
    const bool is_64bit = header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_machine == EM_X86_64;
    const bool is_32bit = header.e_ident[EI_CLASS] == ELFCLASS32 && header.e_machine == EM_386;
    if (header.e_ident[EI_DATA] != ELFDATA2LSB || !(is_64bit || is_32bit)) {
        return bad("neither an ELF64 for x86-64 nor an ELF32 for i386");
    }
    if (!(is_64bit ? elf.read_tables<Elf64_Ehdr, Elf64_Shdr, Elf64_Phdr>()
                   : elf.read_tables<Elf32_Ehdr, Elf32_Shdr, Elf32_Phdr>())) {
        return bad("its section or segment table reaches past the end of the file");
    }
    return elf;
}

/// False if a table reaches past the end of the file.
template<class Header, class Section, class Segment>
bool ElfFile::read_tables() {
    Header header;
    std::memcpy(&header, data_.data(), sizeof header);
    auto sections =
        table<Section, Elf64_Shdr>(data_, header.e_shoff, header.e_shnum, header.e_shentsize);
    auto segments =
        table<Segment, Elf64_Phdr>(data_, header.e_phoff, header.e_phnum, header.e_phentsize);
    if (!sections || !segments) {
        return false;
    }
    sections_ = std::move(*sections);
    segments_ = std::move(*segments);
    if (header.e_shstrndx < sections_.size()) {
        const Elf64_Shdr& names = sections_[header.e_shstrndx];
        if (auto text = bytes(names.sh_offset, names.sh_size)) {
            names_ = *text;
        }
    }
    return true;
}

std::optional<std::span<const std::byte>> ElfFile::bytes(std::uint64_t offset,
                                                         std::uint64_t size) const {
    if (offset > data_.size() || size > data_.size() - offset) {
        return std::nullopt;
    }
    return std::span{data_}.subspan(offset, size);
}

std::optional<std::span<const std::byte>> ElfFile::section(std::string_view name) const {
    for (const Elf64_Shdr& header : sections_) {
        if (header.sh_type == SHT_NOBITS || header.sh_name >= names_.size()) {
            continue;
        }
        const auto* text = reinterpret_cast<const char*>(names_.data()) + header.sh_name;
        const std::size_t length = strnlen(text, names_.size() - header.sh_name);
        if (std::string_view{text, length} == name) {
            return bytes(header.sh_offset, header.sh_size);
        }
    }
    return std::nullopt;
}

std::optional<std::span<const std::byte>> ElfFile::loaded(std::uint64_t address,
                                                          std::uint64_t size) const {
    for (const Elf64_Phdr& segment : segments_) {
        if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
            address - segment.p_vaddr <= segment.p_filesz &&
            size <= segment.p_filesz - (address - segment.p_vaddr)) {
            const std::uint64_t inside = address - segment.p_vaddr;
            if (segment.p_offset > data_.size() || inside > data_.size() - segment.p_offset) {
                return std::nullopt;
            }
            return bytes(segment.p_offset + inside, size);
        }
    }
    return std::nullopt;
}

std::uint64_t ElfFile::memory_end() const {
    std::uint64_t end = 0;
    for (const Elf64_Phdr& segment : segments_) {
        if (segment.p_type == PT_LOAD) {
            end = std::max(end, segment.p_paddr + segment.p_memsz);
        }
    }
    return end;
}

std::optional<std::span<const std::byte>> ElfFile::note(std::string_view owner,
                                                        std::uint32_t type) const {
    for (const Elf64_Phdr& segment : segments_) {
        if (segment.p_type != PT_NOTE) {
            continue;
        }
        auto rest = bytes(segment.p_offset, segment.p_filesz);
        while (rest && rest->size() >= sizeof(Elf64_Nhdr)) {
            Elf64_Nhdr head;
            std::memcpy(&head, rest->data(), sizeof head);
            const std::uint64_t name_size = (std::uint64_t{head.n_namesz} + 3) & ~std::uint64_t{3};
            const std::uint64_t text_size = (std::uint64_t{head.n_descsz} + 3) & ~std::uint64_t{3};
            if (name_size + text_size > rest->size() - sizeof head) {
                break;
            }
            const auto* name = reinterpret_cast<const char*>(rest->data() + sizeof head);
            if (head.n_type == type &&
                std::string_view{name, strnlen(name, head.n_namesz)} == owner) {
                return rest->subspan(sizeof head + name_size, head.n_descsz);
            }
            rest = rest->subspan(sizeof head + name_size + text_size);
        }
    }
    return std::nullopt;
}

} // namespace vmrunit::runner
