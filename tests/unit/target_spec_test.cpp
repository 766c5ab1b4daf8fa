// SPDX-License-Identifier: GPL-2.0-only
// The grammar of target names, right and wrong.
#include "host_runner/targets/target_spec.hpp"

#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

using Settings = std::vector<TargetSpec::Setting>;

struct Right {
    const char* text;
    const char* name;
    const char* subject;
    const char* where;
    Settings settings;
};

TEST(TargetSpec, ReadsEveryPart) {
    const std::vector<Right> rows{
        {"qemu", "qemu", "", "", {}},
        {"qemu-kvm", "qemu-kvm", "", "", {}},
        {"qemu,cpu=EPYC,npt=off", "qemu", "", "", {{"cpu", "EPYC"}, {"npt", "off"}}},
        {"qemu@/opt/q@7:2/qemu", "qemu", "", "/opt/q@7:2/qemu", {}},
        {"lab:6.12", "lab", "6.12", "", {}},
        {"lab:7.3,npt=0", "lab", "7.3", "", {{"npt", "0"}}},
        {"lab:6.1@bochs,a=b=c", "lab", "6.1", "bochs", {{"a", "b=c"}}},
    };
    for (const auto& row : rows) {
        const auto spec = TargetSpec::parse(row.text);
        ASSERT_TRUE(spec) << row.text << ": " << spec.error().line();
        EXPECT_EQ(spec->text, row.text);
        EXPECT_EQ(spec->name, row.name) << row.text;
        EXPECT_EQ(spec->subject, row.subject) << row.text;
        EXPECT_EQ(spec->where, row.where) << row.text;
        EXPECT_EQ(spec->settings, row.settings) << row.text;
    }
}

TEST(TargetSpec, SaysWhatIsWrong) {
    const std::vector<std::pair<const char*, const char*>> rows{
        {"", "target '': no name"},
        {",cpu=max", "target ',cpu=max': no name"},
        {"QEMU", "target 'QEMU': 'QEMU' is not a name"},
        {"qemu max", "target 'qemu max': 'qemu max' is not a name"},
        {"qemu@", "target 'qemu@': nothing after '@'"},
        {"lab:", "target 'lab:': nothing after ':'"},
        {"qemu,", "target 'qemu,': '' is not key=value"},
        {"qemu,cpu", "target 'qemu,cpu': 'cpu' is not key=value"},
        {"qemu,cpu=", "target 'qemu,cpu=': 'cpu=' is not key=value"},
        {"qemu,=max", "target 'qemu,=max': '=max' is not key=value"},
        {"qemu,cpu=a,,npt=off", "target 'qemu,cpu=a,,npt=off': '' is not key=value"},
        {"qemu,npt=on,npt=off", "target 'qemu,npt=on,npt=off': key 'npt' given twice"},
    };
    for (const auto& [text, what] : rows) {
        const auto spec = TargetSpec::parse(text);
        ASSERT_FALSE(spec) << text;
        EXPECT_EQ(spec.error().what, what);
        EXPECT_EQ(spec.error().cure, "a target is written name[:subject][@where][,key=value]...");
    }
}

TEST(TargetSpec, HandsSettingsOut) {
    auto spec = TargetSpec::parse("qemu,cpu=max,cpus=3,npt=off");
    ASSERT_TRUE(spec);
    EXPECT_EQ(spec->take("cpu"), "max");
    EXPECT_EQ(spec->take("cpu"), std::nullopt) << "taken already";
    const auto cpus = spec->take_number("cpus", 1, 8);
    ASSERT_TRUE(cpus);
    EXPECT_EQ(*cpus, 3u);
    EXPECT_EQ(*spec->take_number("memory", 1, 8), std::nullopt);
    EXPECT_EQ(spec->settings, (Settings{{"npt", "off"}}));
}

TEST(TargetSpec, NumbersHaveBounds) {
    for (const char* value : {"0", "9", "x", "3x", "-1", "99999999999", "+2", "0x2"}) {
        auto spec = TargetSpec::parse(std::string{"qemu,cpus="} + value);
        ASSERT_TRUE(spec);
        const auto number = spec->take_number("cpus", 1, 8);
        ASSERT_FALSE(number) << value;
        EXPECT_EQ(number.error().cure, "it is a number from 1 to 8");
    }
}

TEST(ParseSwitch, KnowsTheUsualWords) {
    for (const char* word : {"on", "yes", "1", "true"}) {
        EXPECT_EQ(parse_switch(word), true);
    }
    for (const char* word : {"off", "no", "0", "false"}) {
        EXPECT_EQ(parse_switch(word), false);
    }
    for (const char* word : {"", "On", "maybe", "2"}) {
        EXPECT_EQ(parse_switch(word), std::nullopt);
    }
}

} // namespace
} // namespace vmrunit::runner
