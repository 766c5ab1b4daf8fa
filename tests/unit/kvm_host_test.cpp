// SPDX-License-Identifier: GPL-2.0-only
// Every reason why KVM may not offer nested SVM, and its cure; then a look at this very machine.
#include "host_runner/targets/kvm_host.hpp"

#include <cerrno>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

KvmHost good_host() {
    return {.cpu_vendor = "AuthenticAMD",
            .cpu_has_svm = true,
            .kernel_release = "6.1.0-amd64",
            .api_version = 12,
            .guest_svm = true,
            .nested_state_size = 4224};
}

template<class Change>
Availability judged(Change change) {
    KvmHost host = good_host();
    change(host);
    return judge_nested_svm(host);
}

void expect_no(const Availability& availability, const std::string& reason,
               const std::string& cure) {
    EXPECT_FALSE(availability.available);
    EXPECT_EQ(availability.reason, reason);
    EXPECT_EQ(availability.cure, cure);
}

TEST(NestedSvm, IsThere) {
    const auto availability = judge_nested_svm(good_host());
    EXPECT_TRUE(availability.available);
    EXPECT_EQ(availability.reason, "KVM of Linux 6.1.0-amd64 with nested SVM");
    EXPECT_EQ(judged([](KvmHost& host) { host.nested_state_size = 0; }).reason,
              "KVM of Linux 6.1.0-amd64 with nested SVM, without saving of nested state");
}

TEST(NestedSvm, NeedsTheDevice) {
    expect_no(judged([](KvmHost& host) { host.open_error = ENOENT; }), "no /dev/kvm",
              "sudo modprobe kvm_amd nested=1");
    expect_no(judged([](KvmHost& host) {
                  host.open_error = ENOENT;
                  host.cpu_vendor = "GenuineIntel";
                  host.cpu_has_svm = false;
              }),
              "no /dev/kvm", "it needs an AMD CPU with SVM switched on in the firmware");
    expect_no(judged([](KvmHost& host) { host.open_error = EACCES; }),
              "/dev/kvm: Permission denied",
              "join its group (sudo usermod -aG kvm $USER) and log in again");
    expect_no(judged([](KvmHost& host) { host.open_error = EIO; }), "/dev/kvm: Input/output error",
              "see the kernel's log");
}

TEST(NestedSvm, NeedsAWorkingKvm) {
    expect_no(judged([](KvmHost& host) { host.api_version = 11; }),
              "/dev/kvm speaks version 11 of its interface, not 12",
              "run a Linux later than 2.6.22");
    expect_no(judged([](KvmHost& host) { host.create_vm_error = EBUSY; }),
              "KVM cannot create a VM: Device or resource busy",
              "see whether another hypervisor holds the CPU's virtualization");
}

TEST(NestedSvm, NeedsSvmForItsGuests) {
    expect_no(judged([](KvmHost& host) {
                  host.guest_svm = false;
                  host.cpu_vendor = "GenuineIntel";
                  host.cpu_has_svm = false;
              }),
              "/dev/kvm works, but its guests see no SVM, CPUID Fn8000_0001 ECX bit 2 (this CPU is "
              "GenuineIntel)",
              "use an AMD machine, or the target qemu, which emulates one");
    expect_no(judged([](KvmHost& host) {
                  host.guest_svm = false;
                  host.cpu_has_svm = false;
              }),
              "/dev/kvm works, but its guests see no SVM, CPUID Fn8000_0001 ECX bit 2 (this "
              "machine has none itself)",
              "switch on SVM in the firmware");
    expect_no(judged([](KvmHost& host) {
                  host.guest_svm = false;
                  host.cpu_has_svm = false;
                  host.under_hypervisor = true;
              }),
              "/dev/kvm works, but its guests see no SVM, CPUID Fn8000_0001 ECX bit 2 (this "
              "machine has none itself)",
              "switch on nested virtualization in the hypervisor below");
    expect_no(judged([](KvmHost& host) { host.guest_svm = false; }),
              "/dev/kvm works, but its guests see no SVM, CPUID Fn8000_0001 ECX bit 2 (kvm_amd was "
              "loaded with nested=0)",
              "sudo modprobe -r kvm_amd && sudo modprobe kvm_amd nested=1");
}

TEST(KvmHost, WhatIsSeenHereHangsTogether) {
    const auto host = look_at_kvm_host();
    EXPECT_EQ(host.cpu_vendor.size(), 12u);
    EXPECT_FALSE(host.kernel_release.empty());
    if (host.open_error == 0) {
        EXPECT_EQ(host.api_version, 12);
    } else {
        EXPECT_EQ(host.api_version, 0);
        EXPECT_FALSE(host.guest_svm);
    }
    EXPECT_LE(host.guest_svm, host.cpu_has_svm) << "KVM cannot give what the CPU has not got";
    const auto availability = judge_nested_svm(host);
    EXPECT_EQ(availability.available, availability.cure.empty());
    EXPECT_FALSE(availability.reason.empty());
}

} // namespace
} // namespace vmrunit::runner
