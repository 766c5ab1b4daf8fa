// SPDX-License-Identifier: GPL-2.0-only
// Lab machines under Bochs as far as no Bochs is needed: how one is named, what is refused, and
// what kernel and worker are told.
#include "host_runner/lab/bochs_lab.hpp"

#include "host_runner/files/file_descriptor.hpp"
#include "host_runner/files/temporary_folder.hpp"
#include "host_runner/lab/lab_image.hpp"
#include "host_runner/lab/lab_target.hpp"
#include "host_runner/lab/qemu_lab.hpp"

#include <array>
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <string_view>
#include <unistd.h>

namespace vmrunit::runner {
namespace {

/// With an empty cache and a PATH of one folder, in which `bochs-bin` may be put.
class BochsLabTest : public testing::Test {
protected:
    BochsLabTest() : folder_{TemporaryFolder::create()} {
        registry_.add(lab_target_factory({"/nowhere/init", "/nowhere/worker"},
                                         {qemu_lab_emulator(), bochs_lab_emulator()}));
        ::setenv("XDG_CACHE_HOME", folder_->path().c_str(), 1);
        ::setenv("PATH", (folder_->path().string() + ":" + old_path_).c_str(), 1);
        install("exit 1\n");
    }
    void TearDown() override {
        ::setenv("PATH", old_path_.c_str(), 1);
        ::unsetenv("XDG_CACHE_HOME");
    }

    std::string install(const std::string& script) {
        const auto program = folder_->path() / "bochs-bin";
        std::ofstream{program} << "#!/bin/sh\n" << script;
        std::filesystem::permissions(program, std::filesystem::perms::owner_all);
        return program.string();
    }
    /// A Bochs that answers what models it has, and nothing else.
    std::string install_version(const std::string& version) {
        return install("echo 'Bochs x86 Emulator " + version +
                       "'\necho 'Supported CPU models:'\necho\necho ryzen\necho zambezi\n");
    }
    std::unique_ptr<Target> create(const std::string& spec) {
        auto target = registry_.create(spec, {});
        EXPECT_TRUE(target) << target.error().line();
        return target ? std::move(*target) : nullptr;
    }
    static BochsLabEmulator& emulator(Target& target) {
        return dynamic_cast<BochsLabEmulator&>(dynamic_cast<LabTarget&>(target).emulator());
    }
    std::string refusal(const std::string& spec) {
        const auto target = registry_.create(spec, {});
        return target ? "created" : target.error().line();
    }

    std::string old_path_ = std::getenv("PATH");
    Result<TemporaryFolder> folder_;
    TargetRegistry registry_;
};

TEST_F(BochsLabTest, TheMachinesOwnIsTakenIfLinuxComesUpUnderIt) {
    install_version("3.1");
    const auto target = create("lab:6.12@bochs,npt=0,cpu=zambezi");
    EXPECT_EQ(target->baseline_name(), "lab-bochs-3.1");
    EXPECT_EQ(target->layers(), (Layers{.cpu = "bochs", .kernel = "6.12", .cpu_version = "3.1"}));
    EXPECT_EQ(emulator(*target).configuration().cpu, "zambezi");
    EXPECT_EQ(emulator(*target).bochs().program().command, std::vector<std::string>{"bochs-bin"});
}

TEST_F(BochsLabTest, ElseAVersionOfDebiansIs) {
    install_version("2.7");
    EXPECT_EQ(create("lab:6.12@bochs")->baseline_name(), "lab-bochs-3.0");
    EXPECT_EQ(create("lab:6.12@bochs:3.0")->baseline_name(), "lab-bochs-3.0");
}

TEST_F(BochsLabTest, OneUnderWhichNoLinuxComesUpIsRefused) {
    EXPECT_EQ(refusal("lab:6.12@bochs:2.7"),
              "target 'lab:6.12@bochs:2.7': no Linux comes up under Bochs 2.7: it stops before its "
              "clock runs: take lab:VERSION@bochs:3.0, a version of Debian's that is fetched on "
              "first use, or name a newer one by program=PATH");
    const auto old = create("lab:6.12@bochs,program=" + install_version("2.7"))->availability();
    EXPECT_FALSE(old.available);
    EXPECT_EQ(old.reason, "no Linux comes up under Bochs 2.7: it stops before its clock runs");
}

TEST_F(BochsLabTest, WrongNamesAreRefusedWithTheReason) {
    EXPECT_EQ(refusal("lab:6.12@boch"),
              "target 'lab:6.12@boch': 'boch' is no emulator and no QEMU program in PATH: did you "
              "mean bochs?");
    EXPECT_EQ(
        refusal("lab:6.12@bochs:new"),
        "target 'lab:6.12@bochs:new': 'new' is no version of Bochs: a version is written 3.0");
    EXPECT_NE(refusal("lab:6.12@bochs:3.0,program=/opt/bochs").find("one Bochs is enough"),
              std::string::npos);
}

TEST_F(BochsLabTest, SaysWhatIsMissing) {
    const auto none = create("lab:6.12@bochs,program=/nowhere/bochs")->availability();
    EXPECT_FALSE(none.available);
    EXPECT_EQ(none.reason, "Bochs not found (/nowhere/bochs: No such file or directory)");
    const auto program = install_version("3.0");
    const auto model = create("lab:6.12@bochs,cpu=ryzn,program=" + program)->availability();
    EXPECT_FALSE(model.available);
    EXPECT_EQ(model.reason, "unknown CPU model 'ryzn'");
}

TEST_F(BochsLabTest, NothingIsSharedWithItButLines) {
    install_version("3.0");
    const auto target = create("lab:6.12@bochs");
    auto& bochs = emulator(*target);
    const auto lines = bochs.worker_lines();
    EXPECT_EQ(lines.requests, "file:/dev/ttyS1");
    EXPECT_EQ(lines.status, "file:/dev/ttyS1");
    EXPECT_EQ(lines.output, "port:0xe9");
    EXPECT_EQ(lines.ring_window, "");
    EXPECT_LT(lines.longest_request, 1u << 20);
    EXPECT_EQ(bochs.steps(), "require /dev/ttyS1\n");
}

TEST_F(BochsLabTest, ItsKernelMeasuresNoClock) {
    install_version("3.0");
    const auto target = create("lab:6.12@bochs");
    const auto line = emulator(*target).kernel_parameters();
    const auto rate = emulator(*target).configuration().instructions_per_second;
    EXPECT_EQ(line.find("console=ttyS0 tsc=reliable clocksource=tsc tsc_early_khz=" +
                        std::to_string(rate / 1000) + " "),
              0u)
        << line;
}

TEST(TerminalPair, CarriesEveryByteAsItIs) {
    const auto pair = open_terminal_pair();
    ASSERT_TRUE(pair) << pair.error().line();
    std::array<unsigned char, 256> all{};
    for (unsigned i = 0; i < all.size(); ++i) {
        all[i] = static_cast<unsigned char>(i);
    }
    std::array<unsigned char, 300> seen{};
    EXPECT_EQ(::read(pair->ours.number(), seen.data(), seen.size()), -1) << "it does not wait";
    ASSERT_EQ(::write(pair->ours.number(), all.data(), all.size()), 256);
    ASSERT_EQ(::read(pair->theirs.number(), seen.data(), seen.size()), 256);
    EXPECT_TRUE(std::equal(all.begin(), all.end(), seen.begin()));
    seen = {};
    ASSERT_EQ(::write(pair->theirs.number(), all.data(), all.size()), 256);
    ASSERT_EQ(::read(pair->ours.number(), seen.data(), seen.size()), 256);
    EXPECT_TRUE(std::equal(all.begin(), all.end(), seen.begin())) << "and nothing is echoed";
}

} // namespace
} // namespace vmrunit::runner
