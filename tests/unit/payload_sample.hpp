// SPDX-License-Identifier: GPL-2.0-only
// A payload made by hand, for the tests of whatever reads one: an ELF64 or ELF32 with loaded code,
// notes and the sections of program.hpp. Everything in it can be changed before it is written, so
// that each way of being wrong has its test.
#pragma once

#include "harness/arena.hpp"
#include "harness/program.hpp"
#include "host_runner/payload/payload_image.hpp"
#include "tests/unit/report_samples.hpp"

#include <cstring>
#include <elf.h>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace vmrunit::runner::samples {

using FileBytes = std::vector<std::byte>;

template<class T>
void append_to(FileBytes& bytes, const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    const auto raw = std::as_bytes(std::span{&value, 1});
    bytes.insert(bytes.end(), raw.begin(), raw.end());
}

template<class T>
FileBytes bytes_of_all(const std::vector<T>& values) {
    FileBytes bytes;
    for (const T& value : values) {
        append_to(bytes, value);
    }
    return bytes;
}

/// Puts an ELF file together: header, contents, section names, section and program headers.
class ElfSample {
public:
    Elf64_Ehdr header = usual_header();

    void section(const std::string& name, FileBytes content, std::uint32_t type = SHT_PROGBITS) {
        sections_.push_back({name, std::move(content), type});
    }
    void segment(std::uint32_t type, std::uint64_t address, FileBytes content,
                 std::uint64_t memory_size = 0) {
        segments_.push_back({type, address, std::move(content), memory_size});
    }

    [[nodiscard]] FileBytes file() const {
        return file_of<Elf64_Ehdr, Elf64_Phdr, Elf64_Shdr>(header);
    }
    /// The same as an ELF32 for i386.
    [[nodiscard]] FileBytes file_32() const {
        Elf32_Ehdr narrow{};
        std::memcpy(narrow.e_ident, header.e_ident, sizeof narrow.e_ident);
        narrow.e_ident[EI_CLASS] = ELFCLASS32;
        narrow.e_machine = EM_386;
        narrow.e_phentsize = sizeof(Elf32_Phdr);
        narrow.e_shentsize = sizeof(Elf32_Shdr);
        return file_of<Elf32_Ehdr, Elf32_Phdr, Elf32_Shdr>(narrow);
    }

private:
    template<class Header, class ProgramHeader, class SectionHeader>
    [[nodiscard]] FileBytes file_of(const Header& wanted) const {
        FileBytes bytes(sizeof(Header));
        std::vector<ProgramHeader> program_headers;
        for (const Segment& one : segments_) {
            using Number = decltype(ProgramHeader::p_offset);
            ProgramHeader entry{};
            entry.p_type = one.type;
            entry.p_offset = static_cast<Number>(bytes.size());
            entry.p_vaddr = entry.p_paddr = static_cast<Number>(one.address);
            entry.p_filesz = static_cast<Number>(one.content.size());
            entry.p_memsz =
                static_cast<Number>(std::max<std::uint64_t>(one.memory_size, one.content.size()));
            program_headers.push_back(entry);
            bytes.insert(bytes.end(), one.content.begin(), one.content.end());
        }
        FileBytes names(1);
        std::vector<SectionHeader> section_headers(1);
        const auto add_section = [&](const std::string& name, const FileBytes& content,
                                     std::uint32_t type) {
            using Number = decltype(SectionHeader::sh_offset);
            SectionHeader entry{};
            entry.sh_name = static_cast<Elf64_Word>(names.size());
            entry.sh_type = type;
            entry.sh_offset = static_cast<Number>(bytes.size());
            entry.sh_size = static_cast<Number>(content.size());
            section_headers.push_back(entry);
            const auto* text = reinterpret_cast<const std::byte*>(name.c_str());
            names.insert(names.end(), text, text + name.size() + 1);
            bytes.insert(bytes.end(), content.begin(), content.end());
        };
        for (const Section& one : sections_) {
            add_section(one.name, one.content, one.type);
        }
        add_section(".shstrtab", {}, SHT_STRTAB);
        section_headers.back().sh_size =
            static_cast<decltype(SectionHeader::sh_size)>(names.size());
        bytes.insert(bytes.end(), names.begin(), names.end());

        Header complete = wanted;
        const auto place = [&](const auto& headers, auto& offset, Elf64_Half& count) {
            offset = static_cast<std::remove_reference_t<decltype(offset)>>(bytes.size());
            count = static_cast<Elf64_Half>(headers.size());
            const FileBytes raw = bytes_of_all(headers);
            bytes.insert(bytes.end(), raw.begin(), raw.end());
        };
        place(program_headers, complete.e_phoff, complete.e_phnum);
        place(section_headers, complete.e_shoff, complete.e_shnum);
        complete.e_shstrndx = static_cast<Elf64_Half>(section_headers.size() - 1);
        std::memcpy(bytes.data(), &complete, sizeof complete);
        return bytes;
    }

    struct Section {
        std::string name;
        FileBytes content;
        std::uint32_t type;
    };
    struct Segment {
        std::uint32_t type;
        std::uint64_t address;
        FileBytes content;
        std::uint64_t memory_size;
    };

    static Elf64_Ehdr usual_header() {
        Elf64_Ehdr made{};
        std::memcpy(made.e_ident, ELFMAG, SELFMAG);
        made.e_ident[EI_CLASS] = ELFCLASS64;
        made.e_ident[EI_DATA] = ELFDATA2LSB;
        made.e_machine = EM_X86_64;
        made.e_phentsize = sizeof(Elf64_Phdr);
        made.e_shentsize = sizeof(Elf64_Shdr);
        return made;
    }

    std::vector<Section> sections_;
    std::vector<Segment> segments_;
};

inline void write_file(const std::filesystem::path& path, const FileBytes& bytes) {
    put_file(path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

inline FileBytes note(std::string_view owner, std::uint32_t type, const FileBytes& descriptor) {
    FileBytes bytes;
    append_to(bytes, Elf64_Nhdr{static_cast<Elf64_Word>(owner.size() + 1),
                                static_cast<Elf64_Word>(descriptor.size()), type});
    const auto pad = [&bytes] { bytes.resize((bytes.size() + 3) / 4 * 4); };
    for (const char character : owner) {
        append_to(bytes, character);
    }
    append_to(bytes, '\0');
    pad();
    bytes.insert(bytes.end(), descriptor.begin(), descriptor.end());
    pad();
    return bytes;
}

template<class Descriptor>
Descriptor named(std::string_view name) {
    Descriptor made{};
    std::memcpy(made.name, name.data(), std::min(name.size(), sizeof made.name));
    return made;
}

/// Programs of seven bytes, one routine, a layout.
struct PayloadSample {
    static constexpr std::uint64_t code = 0x10'0000;
    static constexpr std::uint64_t program_size = 7;
    static constexpr std::uint64_t arenas = 0x20'0000;
    static constexpr std::uint64_t handlers = 0x18'0000;
    static constexpr std::uint64_t low_handlers = 0x1100;
    static constexpr std::uint64_t low_code = 0x900;
    static constexpr std::uint64_t low_program = 0x1900;
    static constexpr std::uint64_t low_memory = 0x4000;
    static constexpr std::uint64_t routine_entry = 0x10'0800;

    FileBytes build_id = FileBytes(20, std::byte{0xb1});
    FileBytes text;
    std::vector<ProgramDescriptor> programs;
    std::vector<RoutineDescriptor> routines;
    LayoutDescriptor layout{};

    PayloadSample() {
        // nop; nop; cpuid; vmmcall
        for (const unsigned byte : {0x90, 0x90, 0x0f, 0xa2, 0x0f, 0x01, 0xd9}) {
            text.push_back(static_cast<std::byte>(byte));
        }
        text.insert(text.end(), text.begin(), text.begin() + program_size);
        programs = {program("cpuid", 64, code), program("cpuid", 32, code + program_size),
                    program("cpuid", 16, low_program)};
        auto probe = named<RoutineDescriptor>("probe");
        probe.entry = routine_entry;
        routines = {probe};
        layout.arenas = arenas;
        layout.arena_size = sizeof(Arena);
        layout.arena_stride = 3 * sizeof(Arena);
        layout.arena_count = 2;
        layout.handler_size = 8;
        layout.handlers = handlers;
        layout.l1_bits = 64;
        layout.low_handlers = low_handlers;
        layout.low_code = low_code;
        layout.low_memory = low_memory;
    }

    /// Two NOPs, CPUID as the instruction under test, the marker.
    static ProgramDescriptor program(std::string_view name, std::uint32_t bits,
                                     std::uint64_t start) {
        auto made = named<ProgramDescriptor>(name);
        made.start = start;
        made.insn = start + 2;
        made.after = start + 4;
        made.end = start + program_size;
        made.bits = bits;
        return made;
    }

    [[nodiscard]] ElfSample elf() const {
        ElfSample sample;
        sample.segment(PT_LOAD, code, text);
        sample.segment(PT_LOAD, low_program, text);
        sample.segment(PT_LOAD, arenas, {}, 6 * sizeof(Arena));
        sample.segment(PT_NOTE, 0, note("GNU", NT_GNU_BUILD_ID, build_id));
        sample.section(std::string{program_section}, bytes_of_all(programs));
        if (!routines.empty()) {
            sample.section(std::string{routine_section}, bytes_of_all(routines));
        }
        sample.section(std::string{layout_section}, bytes_of_all(std::vector{layout}));
        return sample;
    }

    /// A sample of the image for a 32-bit L1, told apart by its build-id.
    [[nodiscard]] static PayloadSample for_32bit_l1() {
        PayloadSample sample;
        sample.layout.l1_bits = 32;
        sample.build_id = FileBytes(20, std::byte{0xb2});
        return sample;
    }

    /// The image as the runner loads it.
    [[nodiscard]] PayloadImage load() const {
        const ScratchFolder folder;
        const auto path = folder.path / "sample.elf";
        write_file(path, layout.l1_bits == 32 ? elf().file_32() : elf().file());
        auto image = PayloadImage::load(path);
        if (!image) {
            throw std::runtime_error{image.error().line()};
        }
        return std::move(*image);
    }
};

} // namespace vmrunit::runner::samples
