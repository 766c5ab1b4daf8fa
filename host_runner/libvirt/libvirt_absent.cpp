// SPDX-License-Identifier: GPL-2.0-only
// Target `libvirt` of a build without libvirt.
#include "host_runner/libvirt/libvirt_target.hpp"

namespace vmrunit::runner {

namespace {

constexpr const char* what = "this vmrunit was built without libvirt";
constexpr const char* cure = "apt install libvirt-dev libpugixml-dev and build again";

class AbsentTarget final : public Target {
public:
    explicit AbsentTarget(std::string name) : name_{std::move(name)} {}

    [[nodiscard]] std::string name() const override { return name_; }
    [[nodiscard]] std::string baseline_name() const override { return "libvirt-unknown"; }
    [[nodiscard]] Availability availability() override { return {false, what, cure}; }
    [[nodiscard]] SubjectFacts facts() override { return {}; }
    [[nodiscard]] bool shares_memory() const override { return false; }
    [[nodiscard]] Result<std::unique_ptr<Machine>> start(const BootRequest& /*request*/) override {
        return failure(what, cure);
    }

private:
    std::string name_;
};

} // namespace

TargetFactory libvirt_target_factory() {
    return {"libvirt",
            "domains of libvirt",
            "libvirt:URI",
            [](const TargetSpec& spec,
               const TargetOptions& /*options*/) -> Result<std::unique_ptr<Target>> {
                return std::make_unique<AbsentTarget>(spec.text);
            },
            {"libvirt:qemu:///system"}};
}

} // namespace vmrunit::runner
