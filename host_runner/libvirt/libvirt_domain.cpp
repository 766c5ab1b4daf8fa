// SPDX-License-Identifier: GPL-2.0-only
// See libvirt_domain.hpp.
#include "host_runner/libvirt/libvirt_domain.hpp"

#include <pugixml.hpp>
#include <sstream>

namespace vmrunit::runner {

namespace {

pugi::xml_node add(pugi::xml_node parent, const char* name,
                   std::initializer_list<std::pair<const char*, const char*>> attributes,
                   const char* text = "") {
    auto node = parent.append_child(name);
    for (const auto& [key, value] : attributes) {
        node.append_attribute(key) = value;
    }
    if (*text != '\0') {
        node.text() = text;
    }
    return node;
}

void add_cpu(pugi::xml_node domain, const LibvirtConfiguration& configuration, DomainType type) {
    pugi::xml_node cpu;
    if (configuration.cpu.empty()) {
        cpu = add(domain, "cpu",
                  {{"mode", type == DomainType::kvm ? "host-passthrough" : "maximum"}});
    } else {
        // Unchecked: TCG leaves out what it lacks of a model, and the guest reads what is there.
        cpu = add(domain, "cpu", {{"mode", "custom"}, {"match", "exact"}, {"check", "none"}});
        add(cpu, "model", {{"fallback", "forbid"}}, configuration.cpu.c_str());
    }
    add(cpu, "feature", {{"policy", "require"}, {"name", "svm"}});
    for (const auto& [name, on] : configuration.features) {
        add(cpu, "feature", {{"policy", on ? "require" : "disable"}, {"name", name.c_str()}});
    }
}

std::string text_of(const pugi::xml_node& node) {
    std::ostringstream text;
    node.print(text, " ");
    return text.str();
}

} // namespace

std::string domain_xml(const LibvirtConfiguration& configuration, DomainType type,
                       const DomainIdentity& identity, const DomainFiles& files) {
    pugi::xml_document document;
    auto domain = add(document.root(), "domain", {{"type", to_string(type)}});
    add(domain, "name", {}, identity.name.c_str());
    if (!identity.uuid.empty()) {
        add(domain, "uuid", {}, identity.uuid.c_str());
    }
    add(domain, "memory", {{"unit", "MiB"}},
        std::to_string(configuration.memory_mebibytes).c_str());
    add(domain, "vcpu", {}, std::to_string(configuration.cpus).c_str());
    auto os = add(domain, "os", {});
    add(os, "type", {{"arch", "x86_64"}, {"machine", configuration.machine.c_str()}}, "hvm");
    add(os, "kernel", {}, files.kernel.c_str());
    if (!files.initrd.empty()) {
        add(os, "initrd", {}, files.initrd.c_str());
    }
    add_cpu(domain, configuration, type);
    for (const char* event : {"on_poweroff", "on_reboot", "on_crash"}) {
        add(domain, event, {}, "destroy");
    }
    auto devices = add(domain, "devices", {});
    // None of what libvirt adds by itself: the ports stay empty, so that an L2 may write to them.
    add(devices, "controller", {{"type", "usb"}, {"model", "none"}});
    auto serial = add(devices, "serial", {{"type", "unix"}});
    add(serial, "source", {{"mode", "connect"}, {"path", files.port.c_str()}});
    auto target = add(serial, "target", {{"type", "isa-debug"}, {"port", "0"}});
    add(target, "model", {{"name", "isa-debugcon"}});
    add(serial, "address", {{"type", "isa"}, {"iobase", "0xe9"}});
    add(devices, "memballoon", {{"model", "none"}});
    return text_of(domain);
}

Result<DomainOffer> read_domain_capabilities(std::string_view xml) {
    pugi::xml_document document;
    const auto parsed = document.load_buffer(xml.data(), xml.size());
    const auto cpu = document.child("domainCapabilities").child("cpu");
    if (!parsed || !cpu) {
        return failure("libvirt's domain capabilities cannot be read");
    }
    DomainOffer offer;
    for (const auto& mode : cpu.children("mode")) {
        const std::string_view name = mode.attribute("name").value();
        if (std::string_view{mode.attribute("supported").value()} != "yes") {
            continue;
        }
        if (name == "custom") {
            for (const auto& model : mode.children("model")) {
                offer.models.emplace_back(model.text().get());
            }
        } else if (name == "host-model") {
            pugi::xml_document made;
            auto host = add(made.root(), "cpu", {{"mode", "custom"}, {"match", "exact"}});
            for (const auto& child : mode.children()) {
                host.append_copy(child);
            }
            offer.host_cpu = text_of(host);
        }
    }
    return offer;
}

bool cpu_has(std::string_view cpu_xml, std::string_view feature) {
    pugi::xml_document document;
    if (!document.load_buffer(cpu_xml.data(), cpu_xml.size())) {
        return false;
    }
    const auto found = document.child("cpu").find_child([&](const pugi::xml_node& node) {
        return std::string_view{node.name()} == "feature" &&
               node.attribute("name").value() == feature;
    });
    const std::string_view policy = found.attribute("policy").value();
    return found && policy != "disable" && policy != "forbid";
}

} // namespace vmrunit::runner
