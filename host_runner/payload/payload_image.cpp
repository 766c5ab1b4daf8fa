// SPDX-License-Identifier: GPL-2.0-only
#include "host_runner/payload/payload_image.hpp"

#include "harness/arena.hpp"
#include "host_runner/payload/elf_file.hpp"

#include <cstring>
#include <fmt/format.h>
#include <span>

namespace vmrunit::runner {

namespace {

constexpr std::uint64_t max_program_size = 4096;

/// The array of descriptors that fills a section.
template<class Descriptor>
std::vector<Descriptor> descriptors(std::span<const std::byte> section) {
    std::vector<Descriptor> entries(section.size() / sizeof(Descriptor));
    if (!entries.empty()) {
        std::memcpy(entries.data(), section.data(), entries.size() * sizeof(Descriptor));
    }
    return entries;
}

std::string name_of(const char (&name)[32]) {
    return {name, strnlen(name, sizeof name)};
}

std::vector<std::uint8_t> bytes_of(std::span<const std::byte> code) {
    std::vector<std::uint8_t> bytes(code.size());
    std::memcpy(bytes.data(), code.data(), code.size());
    return bytes;
}

} // namespace

Result<PayloadImage> PayloadImage::load(const std::filesystem::path& file) {
    auto elf = ElfFile::read(file);
    if (!elf) {
        return tl::unexpected(elf.error());
    }
    const auto bad = [&](std::string_view why) {
        return failure(fmt::format("{} is not a payload of this vmrunit: {}", file.string(), why),
                       "build runner and payload from the same source");
    };
    PayloadImage image;
    image.file_ = file;
    image.memory_end_ = elf->memory_end();

    const auto build_id = elf->note("GNU", NT_GNU_BUILD_ID);
    if (!build_id || build_id->size() != image.build_id_.size()) {
        return bad("no build-id of 20 bytes");
    }
    std::memcpy(image.build_id_.data(), build_id->data(), build_id->size());

    const auto layout = elf->section(layout_section);
    if (!layout || layout->size() != sizeof(LayoutDescriptor)) {
        return bad("no layout descriptor");
    }
    std::memcpy(&image.layout_, layout->data(), sizeof image.layout_);
    if (image.layout_.arena_size != sizeof(Arena) || image.layout_.arena_count == 0) {
        return bad("its arena has another shape");
    }

    const auto programs = elf->section(program_section);
    if (!programs || programs->size() % sizeof(ProgramDescriptor) != 0) {
        return bad("no L2 programs");
    }
    for (const ProgramDescriptor& entry : descriptors<ProgramDescriptor>(*programs)) {
        const bool ordered = entry.start <= entry.insn && entry.insn < entry.after &&
                             entry.after <= entry.end &&
                             entry.end - entry.start <= max_program_size;
        const auto code =
            ordered ? elf->loaded(entry.start, entry.end - entry.start) : std::nullopt;
        if (!code) {
            return bad(fmt::format("L2 program {} has labels out of order or outside the image",
                                   name_of(entry.name)));
        }
        L2Program program{.name = name_of(entry.name),
                          .bits = entry.bits,
                          .start = entry.start,
                          .insn = entry.insn,
                          .after = entry.after,
                          .end = entry.end,
                          .bytes = bytes_of(*code),
                          .clears_upper_halves = {}};
        if (const auto way =
                elf->loaded(entry.start - clear_upper_halves_size, clear_upper_halves_size);
            way && entry.bits == 64) {
            program.clears_upper_halves = bytes_of(*way);
        }
        const auto [place, fresh] =
            image.by_name_.emplace(std::pair{program.name, program.bits}, image.programs_.size());
        if (!fresh) {
            return bad(fmt::format("two L2 programs are called {}", place->first.first));
        }
        image.programs_.push_back(std::move(program));
    }

    if (const auto routines = elf->section(routine_section)) {
        if (routines->size() % sizeof(RoutineDescriptor) != 0) {
            return bad("its L1 routines are cut short");
        }
        for (const RoutineDescriptor& entry : descriptors<RoutineDescriptor>(*routines)) {
            image.routines_.emplace(name_of(entry.name), entry.entry);
        }
    }
    return image;
}

std::string PayloadImage::build_id_text() const {
    std::string text;
    for (const std::uint8_t byte : build_id_) {
        text += fmt::format("{:02x}", byte);
    }
    return text;
}

const L2Program* PayloadImage::program(std::string_view name, unsigned bits) const {
    const auto found = by_name_.find(std::pair{std::string{name}, bits});
    return found == by_name_.end() ? nullptr : &programs_[found->second];
}

std::uint64_t PayloadImage::routine(std::string_view name) const {
    const auto found = routines_.find(name);
    return found == routines_.end() ? 0 : found->second;
}

} // namespace vmrunit::runner
