#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Takes the library of KVM's selftests out of a Linux source: a tarball as Debian's package
# linux-source-6.1 brings it, or a tree. Only what the library needs is unpacked, into
# OUTPUT/include; the sources to compile go to OUTPUT itself, where the build expects them. The
# kselftest runner goes to OUTPUT/kselftest: a test lets it run us.
#
# unpack_library.sh SOURCE OUTPUT
set -eu

source=$1
output=$2
include=$output/include
unpacking=$output/unpacking.$$

# Headers of the library, of the kernel's tools, and of the selftests in general.
tools_headers='tools/include tools/arch/x86/include'
selftests=tools/testing/selftests
sources='assert.c elf.c io.c kvm_util.c sparsebit.c test_util.c
         x86_64/handlers.S x86_64/processor.c x86_64/ucall.c'

fail() {
    echo "unpack_library.sh: $*" >&2
    exit 1
}

mkdir -p "$unpacking"
trap 'rm -rf "$unpacking"' EXIT

if [ -d "$source" ]; then
    tree=$source
elif [ -f "$source" ]; then
    # The first folder has the kernel's name; "*/" stands for it.
    tar --extract --file "$source" --directory "$unpacking" --strip-components=1 --wildcards \
        '*/tools/include/*' '*/tools/arch/x86/include/*' '*/tools/lib/rbtree.c' \
        "*/$selftests/kselftest.h" "*/$selftests/run_kselftest.sh" "*/$selftests/kselftest/*" \
        "*/$selftests/kvm/include/*" "*/$selftests/kvm/lib/*" ||
        fail "$source does not hold the KVM selftests"
    tree=$unpacking
else
    fail "there is no $source"
fi
[ -f "$tree/$selftests/kvm/lib/kvm_util.c" ] || fail "$source does not hold the KVM selftests"

rm -rf "$include"
mkdir -p "$include"
for headers in $tools_headers; do
    mkdir -p "$include/$headers"
    cp -R "$tree/$headers/." "$include/$headers/"
done
mkdir -p "$include/kvm" "$include/selftests"
cp -R "$tree/$selftests/kvm/include/." "$include/kvm/"
cp "$tree/$selftests/kselftest.h" "$include/selftests/"
rm -rf "$output/kselftest"
mkdir -p "$output/kselftest"
cp -R "$tree/$selftests/kselftest" "$tree/$selftests/run_kselftest.sh" "$output/kselftest/"
for file in $sources; do
    cp "$tree/$selftests/kvm/lib/$file" "$output/"
done
# The library's own rbtree.c includes this one by a path that is not kept here.
cp "$tree/tools/lib/rbtree.c" "$output/"
: >"$output/unpacked.h"
