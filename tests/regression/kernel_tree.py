# SPDX-License-Identifier: GPL-2.0-only
"""A git history of Linux in which one commit breaks nested SVM, made from Debian's linux-source."""

import dataclasses
import os
import pathlib
import subprocess

SOURCE = pathlib.Path("/usr/src/linux-source-6.1.tar.xz")
# What a lab kernel is built from: of these folders all, or what is named. Of the rest kbuild reads
# the Makefiles and the Kconfig files. A tenth of Linux, for git and the disk would take longer than
# the compiler.
USED = {
    "arch": ("x86",),
    "drivers": ("acpi", "base", "char", "clocksource", "cpufreq", "cpuidle", "firmware", "idle",
                "iommu", "irqchip", "of", "pnp", "power", "ras", "rtc", "tty", "virt"),
    "fs": ("debugfs", "devpts", "exportfs", "iomap", "kernfs", "nls", "notify", "proc", "ramfs",
           "sysfs"),
    "tools": ("arch", "build", "include", "lib", "objtool", "scripts"),
    "Documentation": (), "LICENSES": (), "net": (), "rust": (), "samples": (), "sound": (),
}
PATIENCE = 300
NESTED = "arch/x86/kvm/svm/nested.c"


@dataclasses.dataclass(frozen=True)
class Fault:
    """A change to a kernel that `case` on `target` sees, and what it is called in the history."""

    subject: str
    case: str
    before: str
    after: str
    target: str = "lab"
    path: str = NESTED


FAULTS = {
    "asid": Fault(
        "KVM: nSVM: drop the check for ASID 0", "consistency/asid/0/l1_long64",
        "\tif (CC(control->asid == 0))\n\t\treturn false;\n\n", ""),
    "msrpm": Fault(
        "KVM: nSVM: take KVM's own MSR permissions for L2",
        "intercept/msr_read/lstar/taken/l2_long64/cpl0/np1/l1_long64",
        "svm->msrpm[p] | value", "svm->msrpm[p]"),
    "iopm": Fault(
        "KVM: nSVM: read one byte of the I/O permission map",
        "intercept/ioio/map/across_a_byte/taken/l2_long64/cpl0/np1/l1_long64",
        "iopm_len = (start_bit + size > 8) ? 2 : 1;", "iopm_len = 1;"),
    "cr2": Fault(
        "KVM: nSVM: leave CR2 of the nested VMCB alone",
        "fields/save_cr2/stored/ffffffff/l2_long64/cpl0/np1/l1_long64",
        "\tvmcb12->save.cr2    = vcpu->arch.cr2;\n", ""),
    # L1's CR3 is in KVM's hands only where there is no nested paging below L1.
    "npt0": Fault(
        "KVM: nSVM: save what #VMEXIT restores, but for CR3",
        "intercept/cpuid/taken/l2_long64/cpl0/np0/l1_long64",
        "\t\tvmcb01->save.cr3 = kvm_read_cr3(vcpu);\n", "\t\t;\n", target="lab,npt=0"),
}


def is_used(path):
    """Whether a member of the archive is needed to build a lab kernel."""
    _, *parts = path.split("/")
    if path.endswith("/"):
        return False
    if parts[-1].startswith(("Kconfig", "Makefile", "Kbuild")) or len(parts) <= 2:
        return True
    return parts[0] not in USED or parts[1] in USED[parts[0]]


class KernelTree:
    """A repository in `folder`: Linux, a commit that changes nothing, the fault, another."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        listed = subprocess.run(["tar", "-tf", str(SOURCE)], check=True, text=True,
                                capture_output=True, timeout=PATIENCE).stdout.splitlines()
        subprocess.run(["tar", "-xf", str(SOURCE), "--strip-components=1", "--verbatim-files-from",
                        "--files-from=-"], cwd=folder, check=True, text=True, timeout=PATIENCE,
                       input="".join(f"{path}\n" for path in listed if is_used(path)))
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "-m", "Linux of Debian")
        self.base = self.git("rev-parse", "HEAD")

    def git(self, *arguments):
        """Runs git in the tree and returns what it printed."""
        name = {"GIT_AUTHOR_NAME": "T", "GIT_AUTHOR_EMAIL": "t@localhost",
                "GIT_COMMITTER_NAME": "T", "GIT_COMMITTER_EMAIL": "t@localhost"}
        ran = subprocess.run(["git", "-C", str(self.folder), "-c", "gc.auto=0", *arguments],
                             check=True, text=True, capture_output=True, timeout=PATIENCE,
                             env={**os.environ, **name})
        return ran.stdout.strip()

    def change(self, path, before, after, subject):
        """A commit that replaces one piece of text; returns its id."""
        file = self.folder / path
        text = file.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{path} has {text.count(before)} times {before!r}"
        file.write_text(text.replace(before, after), encoding="utf-8")
        self.git("commit", "--quiet", "-m", subject, "--", path)
        return self.git("rev-parse", "HEAD")

    def note(self, path, number):
        """A commit that changes nothing of what the file does."""
        file = self.folder / path
        file.write_text(file.read_text(encoding="utf-8") + f"/* Note {number}. */\n",
                        encoding="utf-8")
        self.git("commit", "--quiet", "-m", f"Note {number} in {pathlib.Path(path).name}", "--", path)
        return self.git("rev-parse", "HEAD")
