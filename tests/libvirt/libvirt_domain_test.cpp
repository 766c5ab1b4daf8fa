// SPDX-License-Identifier: GPL-2.0-only
// The domain that is asked for, against libvirt's own schema; and what is read of its answers.
#include "host_runner/libvirt/libvirt_domain.hpp"

#include "host_runner/files/temporary_folder.hpp"
#include "host_runner/process/capture.hpp"
#include "host_runner/report/output.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vmrunit::runner {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const DomainFiles files{"/tmp/folder/payload", "/tmp/folder/plan", "/tmp/folder/port"};
constexpr const char* uuid = "0a1b2c3d-0000-4000-8000-00112233aabb";
constexpr const char* schema = "/usr/share/libvirt/schemas/domain.rng";

/// xmllint's complaint; empty if the domain follows the schema.
std::string complaint_about(const std::string& xml) {
    auto folder = TemporaryFolder::create();
    if (!folder) {
        return folder.error().line();
    }
    const auto path = folder->path() / "domain.xml";
    if (const auto trouble = write_whole_file(path, xml)) {
        return trouble->line();
    }
    const auto done = capture({"xmllint", "--noout", "--relaxng", schema, path.string()},
                              std::chrono::seconds{60});
    if (!done) {
        return done.error().line();
    }
    return done->status.succeeded() ? "" : done->errors;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const auto at = text.find(from);
    return at == std::string::npos ? "no '" + from + "' in it" : text.replace(at, from.size(), to);
}

TEST(LibvirtDomain, SaysWhatIsAskedFor) {
    LibvirtConfiguration configuration;
    configuration.cpu = "EPYC";
    configuration.features = {{"npt", false}, {"vgif", true}};
    configuration.cpus = 3;
    configuration.memory_mebibytes = 96;
    const auto xml = domain_xml(configuration, DomainType::qemu, {"vmrunit-1", uuid}, files);
    for (const char* part :
         {"<domain type=\"qemu\">", "<name>vmrunit-1</name>",
          "<uuid>0a1b2c3d-0000-4000-8000-00112233aabb</uuid>", "<memory unit=\"MiB\">96</memory>",
          "<vcpu>3</vcpu>", "<kernel>/tmp/folder/payload</kernel>",
          "<initrd>/tmp/folder/plan</initrd>", "<model fallback=\"forbid\">EPYC</model>",
          "<feature policy=\"require\" name=\"svm\"", "<feature policy=\"disable\" name=\"npt\"",
          "<feature policy=\"require\" name=\"vgif\"", "<on_reboot>destroy</on_reboot>",
          "<source mode=\"connect\" path=\"/tmp/folder/port\"", "<model name=\"isa-debugcon\"",
          "<address type=\"isa\" iobase=\"0xe9\""}) {
        EXPECT_THAT(xml, HasSubstr(part));
    }
}

TEST(LibvirtDomain, TakesTheBestCpuOfItsTypeByItself) {
    EXPECT_THAT(domain_xml({}, DomainType::qemu, {"a", {}}, files),
                HasSubstr("<cpu mode=\"maximum\">"));
    EXPECT_THAT(domain_xml({}, DomainType::kvm, {"a", {}}, files),
                HasSubstr("<cpu mode=\"host-passthrough\">"));
    EXPECT_THAT(domain_xml({}, DomainType::qemu, {"a", {}}, {"/payload", {}, "/port"}),
                Not(HasSubstr("initrd")));
    EXPECT_THAT(domain_xml({}, DomainType::qemu, {"a", {}}, files), Not(HasSubstr("uuid")));
}

TEST(LibvirtDomain, TextCannotBreakOut) {
    const auto xml = domain_xml({}, DomainType::qemu, {"a", {}}, {"/a<b>&c", {}, "/p\"q"});
    EXPECT_THAT(xml, HasSubstr("<kernel>/a&lt;b&gt;&amp;c</kernel>"));
    EXPECT_THAT(xml, HasSubstr("path=\"/p&quot;q\""));
}

TEST(LibvirtDomain, FollowsLibvirtsSchema) {
    if (!std::filesystem::exists(schema)) {
        GTEST_SKIP() << "no " << schema << ": apt install libvirt0";
    }
    LibvirtConfiguration named;
    named.cpu = "EPYC";
    named.features = {{"npt", false}, {"nrip-save", true}};
    for (const auto type : {DomainType::qemu, DomainType::kvm}) {
        for (const auto& configuration : {LibvirtConfiguration{}, named}) {
            const auto xml = domain_xml(configuration, type, {"vmrunit-1", uuid}, files);
            EXPECT_EQ(complaint_about(xml), "") << xml;
        }
    }
    // The schema would notice.
    const auto xml = domain_xml({}, DomainType::qemu, {"vmrunit-1", uuid}, files);
    EXPECT_NE(complaint_about(replaced(xml, "isa-debugcon", "isa-debugger")), "");
    EXPECT_NE(complaint_about(replaced(xml, "destroy", "explode")), "");
}

constexpr const char* capabilities = R"(
<domainCapabilities>
  <cpu>
    <mode name='host-passthrough' supported='no'/>
    <mode name='host-model' supported='yes'>
      <model fallback='forbid'>EPYC</model>
      <feature policy='require' name='npt'/>
    </mode>
    <mode name='custom' supported='yes'>
      <model usable='yes' vendor='unknown'>qemu64</model>
      <model usable='no' vendor='AMD'>EPYC</model>
    </mode>
  </cpu>
</domainCapabilities>)";

TEST(DomainCapabilities, AreRead) {
    const auto offer = read_domain_capabilities(capabilities);
    ASSERT_TRUE(offer) << offer.error().line();
    EXPECT_THAT(offer->models, ElementsAre("qemu64", "EPYC"));
    EXPECT_THAT(offer->host_cpu, HasSubstr("EPYC"));
    EXPECT_TRUE(cpu_has(offer->host_cpu, "npt"));
    EXPECT_FALSE(cpu_has(offer->host_cpu, "svm"));
}

TEST(DomainCapabilities, WithoutAHostModelOfferNone) {
    const auto offer = read_domain_capabilities(
        replaced(capabilities, "host-model' supported='yes'", "host-model' supported='no'"));
    ASSERT_TRUE(offer);
    EXPECT_EQ(offer->host_cpu, "");
}

TEST(DomainCapabilities, ThatAreNoneAreRefused) {
    EXPECT_FALSE(read_domain_capabilities("<domain/>"));
    EXPECT_FALSE(read_domain_capabilities("<domainCapabilities><cpu>"));
    EXPECT_FALSE(read_domain_capabilities(""));
}

TEST(CpuHas, RespectsThePolicy) {
    constexpr const char* cpu =
        "<cpu><feature policy='disable' name='svm'/>"
        "<feature policy='require' name='npt'/><feature name='vgif'/></cpu>";
    EXPECT_FALSE(cpu_has(cpu, "svm"));
    EXPECT_TRUE(cpu_has(cpu, "npt"));
    EXPECT_TRUE(cpu_has(cpu, "vgif"));
    EXPECT_FALSE(cpu_has(cpu, "lbrv"));
    EXPECT_FALSE(cpu_has("no XML", "svm"));
}

} // namespace
} // namespace vmrunit::runner
