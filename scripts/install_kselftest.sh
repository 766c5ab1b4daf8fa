#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Puts vmrunit into a folder of installed kselftests, as a collection of its own, so that the
# kernel's run_kselftest.sh runs it like any other.
#
# install_kselftest.sh BUILD KSELFTEST
#   BUILD      the build folder of vmrunit
#   KSELFTEST  the folder with run_kselftest.sh, such as `make -C tools/testing/selftests install`
#              makes it; created if it is not there
set -eu

fail() {
    echo "install_kselftest.sh: $*" >&2
    exit 64
}

[ $# -eq 2 ] || fail "give the build folder and the folder of kselftests"
build=$1
kselftest=$2
[ -x "$build/host_runner/vmrunit" ] || fail "$build holds no vmrunit: build it first"

# As in the build folder: that is where the program looks for what belongs to it.
into=$kselftest/vmrunit
mkdir -p "$into/host_runner" "$into/guest_payloads" "$into/baselines"
cp "$build/host_runner/vmrunit" "$into/host_runner/"
cp "$build"/guest_payloads/case_runner*.elf "$into/guest_payloads/"
cp "$build"/baselines/*.toml "$into/baselines/"
for program in kvm_worker/kvm-worker lab/lab-init; do
    if [ -x "$build/host_runner/$program" ]; then # kvm-worker needs a Linux source to be built.
        mkdir -p "$into/host_runner/${program%/*}"
        cp "$build/host_runner/$program" "$into/host_runner/$program"
    fi
done

# The kernel's own KVM, or whatever VMRUNIT_TARGET and arguments say. Only KTAP goes to standard
# output; exit status 4 is the runner's word for a host without nested SVM.
cat >"$into/svm_test.sh" <<'END'
#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
exec "$(dirname "$0")/host_runner/vmrunit" run --target "${VMRUNIT_TARGET:-kvm}" --ktap - "$@"
END
chmod +x "$into/svm_test.sh"
echo "timeout=600" >"$into/settings"

list=$kselftest/kselftest-list.txt
[ -f "$list" ] && grep -qx "vmrunit:svm_test.sh" "$list" || echo "vmrunit:svm_test.sh" >>"$list"
