// SPDX-License-Identifier: GPL-2.0-only
// Kernel images and modules small enough for a test: headers and nothing behind them.
#pragma once

#include <cstddef>
#include <cstring>
#include <elf.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace vmrunit::runner {

template<class Value>
void put(std::vector<std::byte>& bytes, std::size_t offset, const Value& value) {
    std::memcpy(bytes.data() + offset, &value, sizeof value);
}

/// As much of a bzImage as states a release.
inline std::vector<std::byte> sample_image(const std::string& release) {
    constexpr std::size_t text = 0x300;
    std::vector<std::byte> image(text + release.size() + 16);
    put(image, 0x1fe, std::uint16_t{0xaa55});
    std::memcpy(image.data() + 0x202, "HdrS", 4);
    put(image, 0x20e, static_cast<std::uint16_t>(text - 0x200));
    put(image, 0x211, std::uint8_t{1});
    std::memcpy(image.data() + text, release.data(), release.size());
    std::memcpy(image.data() + text + release.size(), " (builder)", 10);
    return image;
}

/// A relocatable ELF64 with a section .modinfo; entries are separated by zeros.
inline std::vector<std::byte> sample_module(const std::vector<std::string>& entries) {
    std::string information;
    for (const auto& entry : entries) {
        information += entry;
        information += '\0';
    }
    constexpr std::string_view names{"\0.modinfo\0.shstrtab\0", 20};
    const std::size_t names_at = sizeof(Elf64_Ehdr) + information.size();
    const std::size_t sections_at = names_at + names.size();
    std::vector<std::byte> file(sections_at + 3 * sizeof(Elf64_Shdr));

    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_REL;
    header.e_machine = EM_X86_64;
    header.e_shoff = sections_at;
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = 3;
    header.e_shstrndx = 2;
    put(file, 0, header);
    std::memcpy(file.data() + sizeof header, information.data(), information.size());
    std::memcpy(file.data() + names_at, names.data(), names.size());
    Elf64_Shdr section{};
    section.sh_name = 1;
    section.sh_type = SHT_PROGBITS;
    section.sh_offset = sizeof header;
    section.sh_size = information.size();
    put(file, sections_at + sizeof section, section);
    section.sh_name = 10;
    section.sh_type = SHT_STRTAB;
    section.sh_offset = names_at;
    section.sh_size = names.size();
    put(file, sections_at + 2 * sizeof section, section);
    return file;
}

inline std::vector<std::byte> sample_module(const std::string& name, const std::string& release,
                                            const std::string& depends = {},
                                            const std::vector<std::string>& parameters = {}) {
    std::vector<std::string> entries{"license=GPL", "name=" + name, "depends=" + depends,
                                     "vermagic=" + release + " SMP preempt mod_unload"};
    for (const auto& parameter : parameters) {
        entries.push_back("parmtype=" + parameter + ":bool");
    }
    return sample_module(entries);
}

inline void write_sample(const std::filesystem::path& file, const std::vector<std::byte>& content) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream stream{file, std::ios::binary};
    stream.write(reinterpret_cast<const char*>(content.data()),
                 static_cast<std::streamsize>(content.size()));
}

inline void write_sample(const std::filesystem::path& file, std::string_view text) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream{file} << text;
}

/// irqbypass, kvm and kvm_amd of a release, in a folder.
inline void write_sample_modules(const std::filesystem::path& folder, const std::string& release) {
    write_sample(folder / "kernel/virt/lib/irqbypass.ko", sample_module("irqbypass", release));
    write_sample(folder / "kernel/arch/x86/kvm/kvm.ko",
                 sample_module("kvm", release, "irqbypass", {"force_emulation_prefix"}));
    write_sample(folder / "kernel/arch/x86/kvm/kvm-amd.ko",
                 sample_module("kvm_amd", release, "kvm", {"npt", "nested", "vgif"}));
}

} // namespace vmrunit::runner
