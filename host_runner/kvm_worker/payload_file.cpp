// SPDX-License-Identifier: GPL-2.0-only
// Reads the program headers of an ELF file of either class. The file may be anybody's: each offset
// is checked.
#include "host_runner/kvm_worker/payload_file.hpp"

#include "host_runner/files/file_descriptor.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <elf.h>
#include <fcntl.h>
#include <optional>
#include <string_view>
#include <unistd.h>

namespace vmrunit::worker {

using runner::failure;

namespace {

constexpr std::uint32_t xen_physical_entry = 18; // XEN_ELFNOTE_PHYS32_ENTRY
constexpr std::uint64_t four_gibibytes = std::uint64_t{1} << 32;

std::optional<std::span<const std::byte>> part(std::span<const std::byte> data,
                                               std::uint64_t offset, std::uint64_t size) {
    if (offset > data.size() || size > data.size() - offset) {
        return std::nullopt;
    }
    return data.subspan(offset, size);
}

template<class Header>
std::optional<Header> header_at(std::span<const std::byte> data, std::uint64_t offset) {
    const auto bytes = part(data, offset, sizeof(Header));
    if (!bytes) {
        return std::nullopt;
    }
    Header header;
    std::memcpy(&header, bytes->data(), sizeof header);
    return header;
}

/// What a loader needs of a program header, of either class.
struct ProgramHeader {
    std::uint32_t type;
    std::uint64_t offset, address, file_size, memory_size;
};

template<class Header>
std::optional<ProgramHeader> program_header_at(std::span<const std::byte> data, std::uint64_t table,
                                               unsigned number) {
    const auto header = header_at<Header>(data, table + std::uint64_t{number} * sizeof(Header));
    if (!header) {
        return std::nullopt;
    }
    return ProgramHeader{header->p_type, header->p_offset, header->p_paddr, header->p_filesz,
                         header->p_memsz};
}

std::uint64_t align_4(std::uint64_t size) {
    return (size + 3) & ~std::uint64_t{3};
}

} // namespace

runner::Result<std::vector<std::byte>> read_file(const std::string& path) {
    const runner::FileDescriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!file.is_open()) {
        return failure(runner::with_errno(path, errno));
    }
    constexpr std::size_t step = 64 * 1024;
    std::vector<std::byte> data;
    for (;;) {
        const auto size = data.size();
        data.resize(size + step);
        const auto count = ::read(file.number(), data.data() + size, step);
        data.resize(size + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
        if (count == 0) {
            return data;
        }
        if (count < 0 && errno != EINTR) {
            return failure(runner::with_errno(path, errno));
        }
    }
}

runner::Result<PayloadFile> PayloadFile::read(const std::string& path) {
    auto data = read_file(path);
    if (!data) {
        return tl::unexpected(data.error());
    }
    auto payload = parse(std::move(*data));
    if (!payload) {
        return failure(path + ": " + payload.error().what, payload.error().cure);
    }
    return payload;
}

runner::Result<PayloadFile> PayloadFile::parse(std::vector<std::byte> data) {
    PayloadFile payload;
    payload.data_ = std::move(data);
    const std::span<const std::byte> all{payload.data_};
    const auto header = header_at<Elf64_Ehdr>(all, 0);
    const auto header_32 = header_at<Elf32_Ehdr>(all, 0);
    const bool is_elf = header && header_32 && std::memcmp(header->e_ident, ELFMAG, SELFMAG) == 0;
    const bool is_64bit =
        is_elf && header->e_ident[EI_CLASS] == ELFCLASS64 && header->e_machine == EM_X86_64;
    const bool is_32bit =
        is_elf && header->e_ident[EI_CLASS] == ELFCLASS32 && header->e_machine == EM_386;
    if (!is_64bit && !is_32bit) {
        return failure("neither an ELF64 image for x86-64 nor an ELF32 image for i386");
    }
    bool enters = false;
    const unsigned count = is_64bit ? header->e_phnum : header_32->e_phnum;
    for (unsigned i = 0; i < count; ++i) {
        const auto segment = is_64bit ? program_header_at<Elf64_Phdr>(all, header->e_phoff, i)
                                      : program_header_at<Elf32_Phdr>(all, header_32->e_phoff, i);
        if (!segment) {
            return failure("its program headers lie outside the file");
        }
        const auto bytes = part(all, segment->offset, segment->file_size);
        if (!bytes) {
            return failure("a segment lies outside the file");
        }
        if (segment->type == PT_NOTE) {
            enters = payload.find_entry(*bytes) || enters;
        }
        if (segment->type != PT_LOAD) {
            continue;
        }
        if (segment->memory_size < segment->file_size || segment->address >= four_gibibytes ||
            segment->memory_size > four_gibibytes - segment->address) {
            return failure("a segment does not lie below 4 GiB");
        }
        payload.segments_.push_back({segment->address, segment->memory_size, *bytes});
    }
    if (!enters) {
        return failure("no PVH entry: it has no note XEN_ELFNOTE_PHYS32_ENTRY");
    }
    return payload;
}

bool PayloadFile::find_entry(std::span<const std::byte> notes) {
    for (std::uint64_t at = 0; const auto note = header_at<Elf64_Nhdr>(notes, at);) {
        const auto name_at = at + sizeof *note;
        const auto descriptor_at = name_at + align_4(note->n_namesz);
        const auto name = part(notes, name_at, note->n_namesz);
        const auto descriptor = part(notes, descriptor_at, note->n_descsz);
        if (!name || !descriptor) {
            return false;
        }
        constexpr std::string_view owner{"Xen\0", 4};
        if (note->n_type == xen_physical_entry && name->size() == owner.size() &&
            std::memcmp(name->data(), owner.data(), owner.size()) == 0 &&
            descriptor->size() >= sizeof entry_) {
            std::memcpy(&entry_, descriptor->data(), sizeof entry_);
            return true;
        }
        at = descriptor_at + align_4(note->n_descsz);
    }
    return false;
}

std::uint64_t PayloadFile::memory_end() const {
    std::uint64_t end = 0;
    for (const auto& segment : segments_) {
        end = std::max(end, segment.address + segment.size);
    }
    return end;
}

} // namespace vmrunit::worker
