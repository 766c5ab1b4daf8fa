// SPDX-License-Identifier: GPL-2.0-only
// The ELF reader on good files, and on files that lie about themselves.
#include "host_runner/payload/elf_file.hpp"
#include "tests/unit/payload_sample.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>

namespace vmrunit::runner {
namespace {

using samples::ElfSample;
using samples::FileBytes;
using testing::HasSubstr;

FileBytes bytes(std::initializer_list<unsigned> values) {
    FileBytes made;
    for (const unsigned value : values) {
        made.push_back(static_cast<std::byte>(value));
    }
    return made;
}

FileBytes copy_of(std::optional<std::span<const std::byte>> found) {
    return found ? FileBytes(found->begin(), found->end()) : FileBytes{};
}

class ElfFileTest : public testing::Test {
protected:
    Result<ElfFile> read(const FileBytes& content) {
        samples::write_file(path(), content);
        return ElfFile::read(path());
    }
    [[nodiscard]] std::filesystem::path path() const { return folder_.path / "some.elf"; }

    /// A section, a segment that is longer in memory than in the file, and two notes.
    static ElfSample sample() {
        ElfSample made;
        made.section(".one", bytes({1, 2, 3}));
        made.section(".nothing", {}, SHT_NOBITS);
        made.segment(PT_LOAD, 0x1000, bytes({10, 11, 12, 13}), 0x100);
        FileBytes notes = samples::note("GNU", NT_GNU_BUILD_ID, bytes({7, 8, 9, 10, 11}));
        const FileBytes other = samples::note("Xen", 18, bytes({0x20}));
        notes.insert(notes.end(), other.begin(), other.end());
        made.segment(PT_NOTE, 0, notes);
        return made;
    }

private:
    samples::ScratchFolder folder_;
};

TEST_F(ElfFileTest, FindsSectionsByName) {
    const auto elf = read(sample().file());
    ASSERT_TRUE(elf) << elf.error().line();
    EXPECT_EQ(copy_of(elf->section(".one")), bytes({1, 2, 3}));
    EXPECT_FALSE(elf->section(".on"));
    EXPECT_FALSE(elf->section(".one1"));
    EXPECT_FALSE(elf->section(".nothing")) << "has no bytes in the file";
}

TEST_F(ElfFileTest, GivesLoadedBytesOnlyWhereAllAreInTheFile) {
    const auto elf = read(sample().file());
    ASSERT_TRUE(elf);
    EXPECT_EQ(copy_of(elf->loaded(0x1000, 4)), bytes({10, 11, 12, 13}));
    EXPECT_EQ(copy_of(elf->loaded(0x1002, 2)), bytes({12, 13}));
    EXPECT_FALSE(elf->loaded(0x1000, 5)) << "the rest is zero-filled memory";
    EXPECT_FALSE(elf->loaded(0x1003, 2));
    EXPECT_FALSE(elf->loaded(0xfff, 2));
    EXPECT_FALSE(elf->loaded(0x1001, ~std::uint64_t{0}));
    EXPECT_FALSE(elf->loaded(~std::uint64_t{0}, 1));
    EXPECT_EQ(elf->memory_end(), 0x1100u);
}

TEST_F(ElfFileTest, ReadsAnElf32AsWell) {
    const auto elf = read(sample().file_32());
    ASSERT_TRUE(elf) << elf.error().line();
    EXPECT_EQ(copy_of(elf->section(".one")), bytes({1, 2, 3}));
    EXPECT_EQ(copy_of(elf->loaded(0x1001, 2)), bytes({11, 12}));
    EXPECT_EQ(elf->memory_end(), 0x1100u);
    EXPECT_EQ(copy_of(elf->note("Xen", 18)), bytes({0x20}));
}

TEST_F(ElfFileTest, FindsNotesByOwnerAndType) {
    const auto elf = read(sample().file());
    ASSERT_TRUE(elf);
    EXPECT_EQ(copy_of(elf->note("GNU", NT_GNU_BUILD_ID)), bytes({7, 8, 9, 10, 11}));
    EXPECT_EQ(copy_of(elf->note("Xen", 18)), bytes({0x20}));
    EXPECT_FALSE(elf->note("Xen", 19));
    EXPECT_FALSE(elf->note("GN", NT_GNU_BUILD_ID));
}

TEST_F(ElfFileTest, StopsAtANoteThatReachesPastTheSegment) {
    ElfSample made;
    FileBytes notes = samples::note("GNU", NT_GNU_BUILD_ID, bytes({1, 2, 3, 4}));
    notes[4] = std::byte{0xff}; // a descriptor of 255 bytes
    made.segment(PT_NOTE, 0, notes);
    const auto elf = read(made.file());
    ASSERT_TRUE(elf);
    EXPECT_FALSE(elf->note("GNU", NT_GNU_BUILD_ID));
}

TEST_F(ElfFileTest, SaysWhatIsNoPayload) {
    const auto refused = [this](const FileBytes& content) {
        const auto elf = read(content);
        return elf ? std::string{"accepted"} : elf.error().line();
    };
    EXPECT_THAT(refused({}), HasSubstr("too short for an ELF header"));
    EXPECT_THAT(refused(FileBytes(sizeof(Elf64_Ehdr) - 1)), HasSubstr("too short"));
    EXPECT_THAT(refused(FileBytes(200)), HasSubstr("no ELF magic"));

    ElfSample other = sample();
    other.header.e_ident[EI_CLASS] = ELFCLASS32;
    EXPECT_THAT(refused(other.file()), HasSubstr("neither an ELF64 for x86-64 nor an ELF32"));
    other = sample();
    other.header.e_machine = EM_AARCH64;
    EXPECT_THAT(refused(other.file()), HasSubstr("neither an ELF64 for x86-64 nor an ELF32"));
    other = sample();
    other.header.e_shentsize = 1;
    EXPECT_THAT(refused(other.file()), HasSubstr("section or segment table"));

    FileBytes cut = sample().file();
    cut.pop_back();
    EXPECT_THAT(refused(cut), HasSubstr("reaches past the end"));
}

TEST_F(ElfFileTest, SaysThatThereIsNoFile) {
    const auto elf = ElfFile::read("/proc/nonexistent/case_runner.elf");
    ASSERT_FALSE(elf);
    EXPECT_THAT(elf.error().line(), HasSubstr("/proc/nonexistent/case_runner.elf"));
    EXPECT_THAT(elf.error().line(), HasSubstr("No such file"));
    EXPECT_THAT(elf.error().line(), HasSubstr("--payload"));
    const auto folder = ElfFile::read(path().parent_path());
    ASSERT_FALSE(folder);
    EXPECT_THAT(folder.error().line(), HasSubstr("cannot read payload"));
}

// Whatever the bytes are: an answer, and no access outside them (the instrumented build looks).
TEST_F(ElfFileTest, SurvivesDamage) {
    const FileBytes good = sample().file();
    std::mt19937 random{20'240'601};
    const auto any_of = [&random](std::size_t count) {
        return std::uniform_int_distribution<std::size_t>{0, count - 1}(random);
    };
    for (int round = 0; round < 300; ++round) {
        FileBytes damaged = good;
        for (int change = 0; change < 4; ++change) {
            damaged[any_of(damaged.size())] = static_cast<std::byte>(any_of(256));
        }
        if (round % 3 == 0) {
            damaged.resize(any_of(damaged.size()));
        }
        if (const auto elf = read(damaged)) {
            for (const auto& found :
                 {elf->section(".one"), elf->loaded(0x1001, 2), elf->note("Xen", 18)}) {
                EXPECT_LE(found ? found->size() : 0, damaged.size());
            }
        }
    }
}

} // namespace
} // namespace vmrunit::runner
