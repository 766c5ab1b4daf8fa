// SPDX-License-Identifier: GPL-2.0-only
// The worker's ELF reader, and guest memory as it lays it out.
#include "host_runner/kvm_worker/boot_memory.hpp"
#include "host_runner/kvm_worker/payload_file.hpp"

#include "harness/guest/boot_info.hpp"
#include "harness/guest/physical_memory.hpp"
#include "harness/wire/plan.hpp"
#include "harness/wire/ring.hpp"

#include <cstring>
#include <elf.h>
#include <gtest/gtest.h>

namespace vmrunit::worker {
namespace {

constexpr std::uint64_t mebibyte = 1 << 20;

/// An image of one segment with text at 1 MiB and a note; tests change what they are about.
struct Image {
    Elf64_Ehdr header{};
    Elf64_Phdr segments[2]{};
    Elf64_Nhdr note{4, 8, 18};
    char owner[4]{'X', 'e', 'n', 0};
    std::uint64_t entry = mebibyte + 0x10;
    char text[16]{};

    Image() {
        std::memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = ELFCLASS64;
        header.e_machine = EM_X86_64;
        header.e_phoff = offsetof(Image, segments);
        header.e_phnum = 2;
        std::memcpy(text, "sixteen bytes ok", sizeof text);
        segments[0] = {.p_type = PT_LOAD,
                       .p_flags = PF_R,
                       .p_offset = offsetof(Image, text),
                       .p_vaddr = 0x1000,
                       .p_paddr = mebibyte,
                       .p_filesz = sizeof text,
                       .p_memsz = 0x3000,
                       .p_align = 1};
        segments[1] = {.p_type = PT_NOTE,
                       .p_flags = PF_R,
                       .p_offset = offsetof(Image, note),
                       .p_vaddr = 0,
                       .p_paddr = 0,
                       .p_filesz = sizeof note + sizeof owner + sizeof entry,
                       .p_memsz = 0,
                       .p_align = 4};
    }

    std::vector<std::byte> bytes() const {
        const auto all = std::as_bytes(std::span{this, 1});
        return {all.begin(), all.end()};
    }
    runner::Result<PayloadFile> parse() const { return PayloadFile::parse(bytes()); }
};

TEST(PayloadFile, SegmentsAtTheirPhysicalAddresses) {
    const auto payload = Image{}.parse();
    ASSERT_TRUE(payload) << payload.error().line();
    EXPECT_EQ(payload->entry(), mebibyte + 0x10);
    EXPECT_EQ(payload->memory_end(), mebibyte + 0x3000);
    ASSERT_EQ(payload->segments().size(), 1u);
    EXPECT_EQ(payload->segments()[0].address, mebibyte);
    EXPECT_EQ(payload->segments()[0].bytes.size(), 16u);
}

TEST(PayloadFile, AnElf32IsReadTheSameWay) {
    struct Image32 {
        Elf32_Ehdr header{};
        Elf32_Phdr segments[2]{};
        Elf32_Nhdr note{4, 8, 18};
        char owner[4]{'X', 'e', 'n', 0};
        std::uint32_t entry[2]{mebibyte + 0x10, 0};
        char text[16]{};
    } image;
    std::memcpy(image.header.e_ident, ELFMAG, SELFMAG);
    image.header.e_ident[EI_CLASS] = ELFCLASS32;
    image.header.e_machine = EM_386;
    image.header.e_phoff = offsetof(Image32, segments);
    image.header.e_phnum = 2;
    image.segments[0] = {.p_type = PT_LOAD,
                         .p_offset = offsetof(Image32, text),
                         .p_vaddr = 0x1000,
                         .p_paddr = mebibyte,
                         .p_filesz = sizeof image.text,
                         .p_memsz = 0x3000,
                         .p_flags = PF_R,
                         .p_align = 1};
    image.segments[1] = {.p_type = PT_NOTE,
                         .p_offset = offsetof(Image32, note),
                         .p_vaddr = 0,
                         .p_paddr = 0,
                         .p_filesz = sizeof image.note + sizeof image.owner + sizeof image.entry,
                         .p_memsz = 0,
                         .p_flags = PF_R,
                         .p_align = 4};
    const auto all = std::as_bytes(std::span{&image, 1});
    const auto payload = PayloadFile::parse({all.begin(), all.end()});
    ASSERT_TRUE(payload) << payload.error().line();
    EXPECT_EQ(payload->entry(), mebibyte + 0x10);
    EXPECT_EQ(payload->memory_end(), mebibyte + 0x3000);
    ASSERT_EQ(payload->segments().size(), 1u);
    EXPECT_EQ(payload->segments()[0].address, mebibyte);
    EXPECT_EQ(payload->segments()[0].bytes.size(), 16u);
}

TEST(PayloadFile, WhatIsNoImageIsSaid) {
    const auto reason = [](const Image& image) {
        const auto payload = image.parse();
        return payload ? std::string{"it parses"} : payload.error().what;
    };
    Image image;
    image.header.e_ident[EI_CLASS] = ELFCLASS32;
    EXPECT_EQ(reason(image), "neither an ELF64 image for x86-64 nor an ELF32 image for i386");
    image = Image{};
    image.header.e_phoff = ~std::uint64_t{0} - 8;
    EXPECT_EQ(reason(image), "its program headers lie outside the file");
    image = Image{};
    image.segments[0].p_filesz = ~std::uint64_t{0};
    EXPECT_EQ(reason(image), "a segment lies outside the file");
    image = Image{};
    image.segments[0].p_memsz = 8;
    EXPECT_EQ(reason(image), "a segment does not lie below 4 GiB");
    image = Image{};
    image.segments[0].p_paddr = ~std::uint64_t{0} - 0x1000;
    EXPECT_EQ(reason(image), "a segment does not lie below 4 GiB");
    image = Image{};
    image.owner[0] = 'Y';
    EXPECT_EQ(reason(image), "no PVH entry: it has no note XEN_ELFNOTE_PHYS32_ENTRY");
    image = Image{};
    image.note.n_descsz = 0xffff'ffff;
    EXPECT_EQ(reason(image), "no PVH entry: it has no note XEN_ELFNOTE_PHYS32_ENTRY");
}

TEST(PayloadFile, AFileCutAnywhereIsRefused) {
    const auto whole = Image{}.bytes();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_FALSE(PayloadFile::parse({whole.begin(), whole.begin() + static_cast<long>(size)}))
            << size;
    }
}

TEST(PayloadFile, AFileThatIsNotThereIsNamed) {
    const auto payload = PayloadFile::read("/proc/nonexistent/payload");
    ASSERT_FALSE(payload);
    EXPECT_EQ(payload.error().what, "/proc/nonexistent/payload: No such file or directory");
}

std::vector<std::byte> text_bytes(std::string_view text) {
    const auto bytes = std::as_bytes(std::span{text});
    return {bytes.begin(), bytes.end()};
}

TEST(BootMemory, ThePayloadFindsItsPlanByPvh) {
    const auto payload = Image{}.parse();
    ASSERT_TRUE(payload);
    const auto plan = text_bytes("a plan of some kind");
    const auto memory = BootMemory::build(*payload, plan, 4 * mebibyte, {}, {});
    ASSERT_TRUE(memory) << memory.error().line();
    ASSERT_EQ(memory->pieces().size(), 1u);
    const auto bytes = memory->pieces()[0].bytes;
    EXPECT_EQ(std::memcmp(bytes.data() + mebibyte, "sixteen bytes ok", 16), 0);

    // The payload's own parser is the judge.
    const guest::PhysicalMemory physical{reinterpret_cast<std::uintptr_t>(bytes.data()),
                                         bytes.size()};
    guest::BootInfo info;
    ASSERT_TRUE(guest::parse_pvh(physical, memory->start_info(), info));
    EXPECT_EQ(info.memory_end, 4 * mebibyte);
    ASSERT_EQ(info.module_end - info.module_begin, plan.size());
    EXPECT_EQ(info.module_begin % page_size, 0u);
    EXPECT_EQ(std::memcmp(bytes.data() + info.module_begin, plan.data(), plan.size()), 0);
    EXPECT_TRUE(memory->ring().empty());
}

TEST(BootMemory, TakesBackWhatTheMachineDoesNotHave) {
    const auto payload = Image{}.parse();
    wire::PlanHeader header{};
    header.magic = wire::plan_magic;
    header.machine = 3;
    header.flags = 0xa5;
    std::vector<std::byte> plan(sizeof header);
    std::memcpy(plan.data(), &header, sizeof header);
    const auto memory = BootMemory::build(*payload, plan, 4 * mebibyte, {}, {});
    ASSERT_TRUE(memory);
    withdraw_machine_features(memory->plan(), svm::Feature::smm_in_memory);
    wire::PlanHeader seen{};
    ASSERT_EQ(memory->plan().size(), sizeof seen);
    std::memcpy(&seen, memory->plan().data(), sizeof seen);
    EXPECT_EQ(seen.machine, 1);
    EXPECT_EQ(seen.flags, header.flags);
    auto no_plan =
        text_bytes("no plan, but as long as the header of one, or a good deal longer, yes");
    const auto before = no_plan;
    withdraw_machine_features(no_plan, svm::Feature::smm_in_memory);
    EXPECT_EQ(no_plan, before);
}

TEST(BootMemory, WithoutAPlanThereIsNoModule) {
    const auto payload = Image{}.parse();
    ASSERT_TRUE(payload);
    const auto memory = BootMemory::build(*payload, {}, 4 * mebibyte, {}, {});
    ASSERT_TRUE(memory);
    const auto bytes = memory->pieces()[0].bytes;
    guest::BootInfo info;
    ASSERT_TRUE(guest::parse_pvh(
        guest::PhysicalMemory{reinterpret_cast<std::uintptr_t>(bytes.data()), bytes.size()},
        memory->start_info(), info));
    EXPECT_EQ(info.module_begin, info.module_end);
}

TEST(BootMemory, WhatDoesNotFitIsRefused) {
    const auto payload = Image{}.parse();
    ASSERT_TRUE(payload);
    EXPECT_FALSE(BootMemory::build(*payload, {}, 4096, {}, {}));
    EXPECT_FALSE(
        BootMemory::build(*payload, std::vector<std::byte>(4 * mebibyte), 4 * mebibyte, {}, {}));
    auto image = Image{};
    image.segments[0].p_memsz = 3 * mebibyte - page_size;
    const auto large = image.parse();
    ASSERT_TRUE(large);
    EXPECT_TRUE(BootMemory::build(*large, {}, 4 * mebibyte, {}, {}));
    const auto refused = BootMemory::build(*large, text_bytes("x"), 4 * mebibyte, {}, {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().line(),
              "payload and plan do not fit into 4 MiB of guest memory: give it more by --memory");
}

constexpr std::uint64_t place_size = sizeof(wire::RingHeader) + 0x4000;

TEST(BootMemory, TheRingIsGuestMemoryOrTheWindowInItsPlace) {
    const auto payload = Image{}.parse();
    ASSERT_TRUE(payload);
    const RingPlace place{2 * mebibyte, place_size};
    const auto memory = BootMemory::build(*payload, {}, 4 * mebibyte, place, {});
    ASSERT_TRUE(memory);
    EXPECT_EQ(memory->ring().data(), memory->pieces()[0].bytes.data() + place.address);
    EXPECT_EQ(memory->ring().size(), place_size);

    std::vector<std::byte> window(2 * place_size);
    const auto with_window = BootMemory::build(*payload, {}, 4 * mebibyte, place, window);
    ASSERT_TRUE(with_window);
    EXPECT_EQ(with_window->ring().data(), window.data());
    ASSERT_EQ(with_window->pieces().size(), 3u);
    std::uint64_t next = 0;
    for (const auto& piece : with_window->pieces()) {
        EXPECT_EQ(piece.address, next);
        next += piece.bytes.size();
    }
    EXPECT_EQ(next, 4 * mebibyte);
    EXPECT_EQ(with_window->pieces()[1].bytes.data(), window.data());

    std::vector<std::byte> small(place_size - page_size);
    EXPECT_FALSE(BootMemory::build(*payload, {}, 4 * mebibyte, place, small));
}

TEST(BootMemory, ARingThatCannotBeIsLeftToThePayloadToComplainAbout) {
    const auto payload = Image{}.parse();
    ASSERT_TRUE(payload);
    std::vector<std::byte> window(place_size);
    for (const RingPlace place : {
             RingPlace{mebibyte, place_size},                   // on the image
             RingPlace{2 * mebibyte + 8, place_size},           // not on a page
             RingPlace{2 * mebibyte, place_size + 0x1000},      // no power of two
             RingPlace{2 * mebibyte, sizeof(wire::RingHeader)}, // no data
             RingPlace{4 * mebibyte - place_size, place_size},  // on the start info
             RingPlace{~std::uint64_t{0xfff}, place_size},      // nowhere
         }) {
        const auto memory = BootMemory::build(*payload, {}, 4 * mebibyte, place, window);
        ASSERT_TRUE(memory);
        EXPECT_TRUE(memory->ring().empty()) << std::hex << place.address;
        EXPECT_EQ(memory->pieces().size(), 1u);
    }
}

TEST(BootMemory, APlanSaysWhereItsRingIs) {
    wire::PlanHeader header{};
    header.magic = wire::plan_magic;
    header.ring_address = 0x200000;
    header.ring_size = 0x11000;
    const auto bytes = std::as_bytes(std::span{&header, 1});
    EXPECT_EQ(ring_of_plan(bytes).address, 0x200000u);
    EXPECT_EQ(ring_of_plan(bytes).size, 0x11000u);
    EXPECT_EQ(ring_of_plan(bytes.first(bytes.size() - 1)).size, 0u);
    header.magic = 0;
    EXPECT_EQ(ring_of_plan(bytes).size, 0u);
}

} // namespace
} // namespace vmrunit::worker
