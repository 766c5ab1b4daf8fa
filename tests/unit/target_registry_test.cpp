// SPDX-License-Identifier: GPL-2.0-only
// From the name of a target to the kind that makes it.
#include "host_runner/targets/target_registry.hpp"

#include <gtest/gtest.h>
#include <stdexcept>

namespace vmrunit::runner {
namespace {

/// A target that can do nothing but say what it was made of.
class Described final : public Target {
public:
    explicit Described(std::string name) : name_{std::move(name)} {}
    std::string name() const override { return name_; }
    std::string baseline_name() const override { return "none"; }
    Availability availability() override { return {}; }
    SubjectFacts facts() override { return {}; }
    bool shares_memory() const override { return false; }
    Result<std::unique_ptr<Machine>> start(const BootRequest&) override {
        return failure("not a target");
    }

private:
    std::string name_;
};

TargetFactory factory(const std::string& name) {
    return {name, "", "", [name](const TargetSpec& spec, const TargetOptions& options) {
                return Result<std::unique_ptr<Target>>{std::make_unique<Described>(
                    name + " got " + spec.text + " and " + options.qemu_program)};
            }};
}

TEST(TargetRegistry, CreatesByName) {
    TargetRegistry registry;
    registry.add(factory("lab"));
    registry.add({factory("qemu"), factory("bochs")});
    const auto target = registry.create("qemu,npt=off", {.qemu_program = "mine"});
    ASSERT_TRUE(target) << target.error().line();
    EXPECT_EQ((*target)->name(), "qemu got qemu,npt=off and mine");
    EXPECT_EQ(registry.factories().size(), 3u);
}

TEST(TargetRegistry, SaysWhichThereAre) {
    TargetRegistry registry;
    registry.add({factory("qemu"), factory("bochs")});
    const auto near = registry.create("quemu,cpu=max", {});
    ASSERT_FALSE(near);
    EXPECT_EQ(near.error().line(),
              "unknown target 'quemu': did you mean qemu? there are qemu, bochs");
    const auto far = registry.create("hardware", {});
    ASSERT_FALSE(far);
    EXPECT_EQ(far.error().line(), "unknown target 'hardware': there are qemu, bochs");
    EXPECT_FALSE(registry.create("", {}));
}

TEST(TargetRegistry, TwoOfOneNameAreAProgrammingError) {
    TargetRegistry registry;
    registry.add(factory("qemu"));
    EXPECT_THROW(registry.add(factory("qemu")), std::logic_error);
}

} // namespace
} // namespace vmrunit::runner
