#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Runs a libFuzzer program from its kept corpus; what it finds on the way is thrown away, an input
# that breaks it stays.
#   run_fuzz.sh PROGRAM CORPUS ARTIFACT_PREFIX [libFuzzer option...]
set -eu

program=$1
corpus=$2
artifact_prefix=$3
shift 3

# An empty or missing corpus would make the test weaker without anybody noticing.
if [ -z "$(ls "$corpus")" ]; then
    echo "no corpus in $corpus" >&2
    exit 99
fi

found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
trap 'exit 130' INT TERM

# libFuzzer says 77 for a failure, which meson takes for a skipped test.
# ASan's quarantine would hide a parser that grows; the limits are what a single input may cost.
export ASAN_OPTIONS="quarantine_size_mb=8${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
"$program" -seed=1 -max_len=1024 -timeout=10 -rss_limit_mb=256 -malloc_limit_mb=16 \
    -error_exitcode=1 -timeout_exitcode=1 -artifact_prefix="$artifact_prefix" "$@" "$found" "$corpus"
