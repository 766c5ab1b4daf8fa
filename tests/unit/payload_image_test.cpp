// SPDX-License-Identifier: GPL-2.0-only
// A payload as the runner reads it: programs, routines, layout, build-id, and every reason to
// refuse one.
#include "host_runner/payload/payload_images.hpp"
#include "tests/unit/payload_sample.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

using samples::FileBytes;
using samples::PayloadSample;
using testing::HasSubstr;

std::string image_refusal(const FileBytes& file) {
    const samples::ScratchFolder folder;
    const auto path = folder.path / "sample.elf";
    samples::write_file(path, file);
    const auto image = PayloadImage::load(path);
    return image ? std::string{"accepted"} : image.error().line();
}

std::string image_refusal(const PayloadSample& sample) {
    return image_refusal(sample.elf().file());
}

TEST(PayloadImage, KnowsItsPrograms) {
    const PayloadImage image = PayloadSample{}.load();
    ASSERT_EQ(image.programs().size(), 3u);
    const L2Program* program = image.program("cpuid", 64);
    ASSERT_NE(program, nullptr);
    EXPECT_EQ(program->start, PayloadSample::code);
    EXPECT_EQ(program->insn, PayloadSample::code + 2);
    EXPECT_EQ(program->after, PayloadSample::code + 4);
    EXPECT_EQ(program->end, PayloadSample::code + 7);
    EXPECT_EQ(program->bytes,
              (std::vector<std::uint8_t>{0x90, 0x90, 0x0f, 0xa2, 0x0f, 0x01, 0xd9}));
    ASSERT_NE(image.program("cpuid", 32), nullptr);
    EXPECT_EQ(image.program("cpuid", 32)->start, PayloadSample::code + 7);
    EXPECT_EQ(image.program("cpuid", 8), nullptr);
    EXPECT_EQ(image.program("hlt", 64), nullptr);
}

TEST(PayloadImage, KnowsItsRoutinesAndItsLayout) {
    const PayloadImage image = PayloadSample{}.load();
    EXPECT_EQ(image.routine("probe"), PayloadSample::routine_entry);
    EXPECT_EQ(image.routine("prob"), 0u);
    EXPECT_EQ(image.arena_address(0), PayloadSample::arenas);
    EXPECT_EQ(image.arena_address(1), PayloadSample::arenas + 3 * sizeof(Arena));
    EXPECT_EQ(image.handler_address(14), PayloadSample::handlers + 14 * 8);
    EXPECT_EQ(image.memory_end(), PayloadSample::arenas + 6 * sizeof(Arena));
    EXPECT_EQ(image.build_id_text(), "b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1");
}

TEST(PayloadImage, MayHaveNoRoutine) {
    PayloadSample sample;
    sample.routines.clear();
    EXPECT_EQ(sample.load().routine("probe"), 0u);
}

TEST(PayloadImage, ANameMayFillItsField) {
    PayloadSample sample;
    const std::string longest(32, 'x');
    sample.programs = {PayloadSample::program(longest, 64, PayloadSample::code)};
    EXPECT_NE(sample.load().program(longest, 64), nullptr);
}

TEST(PayloadImages, FindsTheOneFor32BitL1BesideTheOther) {
    const samples::ScratchFolder folder;
    const auto main = folder.path / "some.elf";
    samples::write_file(main, PayloadSample{}.elf().file());
    const auto alone = PayloadImages::load(main);
    ASSERT_TRUE(alone) << alone.error().line();
    EXPECT_EQ(alone->of(L1Mode::long64), &alone->main());
    EXPECT_EQ(alone->of(L1Mode::pae), nullptr);

    samples::write_file(folder.path / "some_x86.elf",
                        PayloadSample::for_32bit_l1().elf().file_32());
    const auto both = PayloadImages::load(main);
    ASSERT_TRUE(both) << both.error().line();
    EXPECT_EQ(both->of(L1Mode::long64), &both->main());
    ASSERT_NE(both->of(L1Mode::pae), nullptr);
    EXPECT_EQ(both->of(L1Mode::pae), both->of(L1Mode::legacy));
    EXPECT_EQ(both->of(L1Mode::pae)->layout().l1_bits, 32u);

    samples::write_file(folder.path / "some_x86.elf", {});
    EXPECT_FALSE(PayloadImages::load(main)) << "what is there must be good";
}

TEST(PayloadImage, NeedsABuildIdOf20Bytes) {
    PayloadSample sample;
    sample.build_id.resize(16);
    EXPECT_THAT(image_refusal(sample), HasSubstr("no build-id of 20 bytes"));
}

TEST(PayloadImage, NeedsProgramsWithOrderedLabelsInsideTheFile) {
    const auto refused = [](auto&& change) {
        PayloadSample sample;
        change(sample.programs.front());
        return image_refusal(sample);
    };
    const std::string why = "L2 program cpuid has labels out of order or outside the image";
    EXPECT_THAT(refused([](auto& one) { one.insn = one.start - 1; }), HasSubstr(why));
    EXPECT_THAT(refused([](auto& one) { one.after = one.insn; }), HasSubstr(why));
    EXPECT_THAT(refused([](auto& one) { one.after = one.end + 1; }), HasSubstr(why));
    EXPECT_THAT(refused([](auto& one) { one.end = one.start + 5000; }), HasSubstr(why));
    EXPECT_THAT(refused([](auto& one) { one.end += PayloadSample::program_size + 1; }),
                HasSubstr(why));
    EXPECT_THAT(refused([](auto& one) { one.start = one.insn = one.after = one.end = 0; }),
                HasSubstr(why));

    PayloadSample twice;
    twice.programs.push_back(twice.programs.front());
    EXPECT_THAT(image_refusal(twice), HasSubstr("two L2 programs are called cpuid"));
    PayloadSample none;
    none.programs.clear();
    EXPECT_EQ(none.load().programs().size(), 0u);
}

TEST(PayloadImage, NeedsTheArenaOfThisRunner) {
    PayloadSample sample;
    sample.layout.arena_size += 4096;
    EXPECT_THAT(image_refusal(sample), HasSubstr("its arena has another shape"));
    sample = {};
    sample.layout.arena_count = 0;
    EXPECT_THAT(image_refusal(sample), HasSubstr("its arena has another shape"));
}

TEST(PayloadImage, NeedsItsSections) {
    const PayloadSample sample;
    const auto with = [&sample](const FileBytes& layout, const FileBytes& programs,
                                const FileBytes& routines) {
        samples::ElfSample elf;
        elf.segment(PT_LOAD, PayloadSample::code, sample.text);
        elf.segment(PT_LOAD, PayloadSample::low_program, sample.text);
        elf.segment(PT_NOTE, 0, samples::note("GNU", NT_GNU_BUILD_ID, sample.build_id));
        elf.section(std::string{layout_section}, layout);
        elf.section(std::string{program_section}, programs);
        elf.section(std::string{routine_section}, routines);
        return image_refusal(elf.file());
    };
    const FileBytes layout = samples::bytes_of_all(std::vector{sample.layout});
    const FileBytes programs = samples::bytes_of_all(sample.programs);
    const FileBytes routines = samples::bytes_of_all(sample.routines);
    const auto cut = [](FileBytes content) {
        content.pop_back();
        return content;
    };
    EXPECT_EQ(with(layout, programs, routines), "accepted");
    EXPECT_THAT(with(cut(layout), programs, routines), HasSubstr("no layout descriptor"));
    EXPECT_THAT(with(layout, cut(programs), routines), HasSubstr("no L2 programs"));
    EXPECT_THAT(with(layout, programs, cut(routines)), HasSubstr("L1 routines are cut short"));
    EXPECT_THAT(image_refusal(samples::ElfSample{}.file()), HasSubstr("build runner and payload"));
}

} // namespace
} // namespace vmrunit::runner
