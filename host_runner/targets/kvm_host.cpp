// SPDX-License-Identifier: GPL-2.0-only
// Looks at /dev/kvm and says what stands in the way of nested SVM.
#include "host_runner/targets/kvm_host.hpp"

#include "host_runner/files/file_descriptor.hpp"

#include <array>
#include <cerrno>
#include <cpuid.h>
#include <cstring>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>

namespace vmrunit::runner {

namespace {

constexpr unsigned extended_features = 0x8000'0001;
constexpr unsigned svm_bit = 1u << 2;         // of its ECX
constexpr unsigned hypervisor_bit = 1u << 31; // of ECX of Fn0000_0001

struct CpuidRegisters {
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
};

CpuidRegisters cpuid(unsigned function) {
    CpuidRegisters registers;
    if (__get_cpuid(function, &registers.eax, &registers.ebx, &registers.ecx, &registers.edx) ==
        0) {
        return {};
    }
    return registers;
}

std::string vendor() {
    const auto registers = cpuid(0);
    std::array<char, 12> name{};
    std::memcpy(name.data(), &registers.ebx, 4);
    std::memcpy(name.data() + 4, &registers.edx, 4);
    std::memcpy(name.data() + 8, &registers.ecx, 4);
    return {name.data(), name.size()};
}

/// ECX of Fn8000_0001 as KVM would show it to a guest.
unsigned supported_extended_features(int kvm) {
    constexpr std::size_t most_entries = 256;
    alignas(kvm_cpuid2)
        std::array<std::byte, sizeof(kvm_cpuid2) + most_entries * sizeof(kvm_cpuid_entry2)>
            memory{};
    auto* const list = reinterpret_cast<kvm_cpuid2*>(memory.data());
    list->nent = most_entries;
    if (::ioctl(kvm, KVM_GET_SUPPORTED_CPUID, list) != 0) {
        return 0;
    }
    for (std::size_t i = 0; i < list->nent && i < most_entries; ++i) {
        if (list->entries[i].function == extended_features) {
            return list->entries[i].ecx;
        }
    }
    return 0;
}

Availability no(std::string reason, std::string cure) {
    return {false, std::move(reason), std::move(cure)};
}

Availability why_it_does_not_open(const KvmHost& host) {
    if (host.open_error == EACCES || host.open_error == EPERM) {
        return no(with_errno("/dev/kvm", host.open_error),
                  "join its group (sudo usermod -aG kvm $USER) and log in again");
    }
    if (host.open_error == ENOENT || host.open_error == ENODEV || host.open_error == ENXIO) {
        if (host.cpu_vendor == "AuthenticAMD" && host.cpu_has_svm) {
            return no("no /dev/kvm", "sudo modprobe kvm_amd nested=1");
        }
        return no("no /dev/kvm", "it needs an AMD CPU with SVM switched on in the firmware");
    }
    return no(with_errno("/dev/kvm", host.open_error), "see the kernel's log");
}

Availability why_no_svm(const KvmHost& host) {
    const std::string reason =
        "/dev/kvm works, but its guests see no SVM, CPUID Fn8000_0001 ECX bit 2";
    if (host.cpu_vendor != "AuthenticAMD" && host.cpu_vendor != "HygonGenuine") {
        return no(reason + " (this CPU is " + host.cpu_vendor + ")",
                  "use an AMD machine, or the target qemu, which emulates one");
    }
    if (!host.cpu_has_svm) {
        return no(reason + " (this machine has none itself)",
                  host.under_hypervisor ? "switch on nested virtualization in the hypervisor below"
                                        : "switch on SVM in the firmware");
    }
    return no(reason + " (kvm_amd was loaded with nested=0)",
              "sudo modprobe -r kvm_amd && sudo modprobe kvm_amd nested=1");
}

} // namespace

KvmHost look_at_kvm_host() {
    KvmHost host;
    host.cpu_vendor = vendor();
    host.cpu_has_svm = (cpuid(extended_features).ecx & svm_bit) != 0;
    host.under_hypervisor = (cpuid(1).ecx & hypervisor_bit) != 0;
    utsname names{};
    if (::uname(&names) == 0) {
        host.kernel_release = names.release;
    }
    const FileDescriptor kvm{::open("/dev/kvm", O_RDWR | O_CLOEXEC)};
    if (!kvm.is_open()) {
        host.open_error = errno;
        return host;
    }
    host.api_version = ::ioctl(kvm.number(), KVM_GET_API_VERSION, 0);
    const FileDescriptor machine{::ioctl(kvm.number(), KVM_CREATE_VM, 0)};
    host.create_vm_error = machine.is_open() ? 0 : errno;
    host.guest_svm = (supported_extended_features(kvm.number()) & svm_bit) != 0;
    host.nested_state_size = ::ioctl(kvm.number(), KVM_CHECK_EXTENSION, KVM_CAP_NESTED_STATE);
    return host;
}

Availability judge_nested_svm(const KvmHost& host) {
    if (host.open_error != 0) {
        return why_it_does_not_open(host);
    }
    if (host.api_version != KVM_API_VERSION) {
        return no("/dev/kvm speaks version " + std::to_string(host.api_version) +
                      " of its interface, not " + std::to_string(KVM_API_VERSION),
                  "run a Linux later than 2.6.22");
    }
    if (host.create_vm_error != 0) {
        return no(with_errno("KVM cannot create a VM", host.create_vm_error),
                  "see whether another hypervisor holds the CPU's virtualization");
    }
    if (!host.guest_svm) {
        return why_no_svm(host);
    }
    return {true,
            "KVM of Linux " + host.kernel_release + " with nested SVM" +
                (host.nested_state_size > 0 ? "" : ", without saving of nested state"),
            {}};
}

} // namespace vmrunit::runner
