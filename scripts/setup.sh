# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What ./vmrunit and ./test do before the real program can start: packages, Meson, ninja. Sourced,
# with `root` set to the repository. Everything is said on stderr: stdout belongs to the program.
# Every failure ends in one line that says what to do, and exit code 99 (harness error).

packages_file=${root:?}/scripts/packages.txt

say() { printf 'vmrunit: %s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 99
}

# ninja ends with an ordinary failure when it is interrupted; without this, Ctrl-C would be reported
# as a broken build.
trap 'say "interrupted; the next run goes on from here"; exit 130' INT

# ---------------------------------------------------------------------------------------- the lock

# The lock is on the folder itself, so wiping its contents does not lose it. File descriptor 9 goes
# to Meson and ninja too: a launcher that is killed leaves the lock to the build that still runs.
lock_build() {
    local folder=$1
    mkdir -p "$folder/.launcher" 2>/dev/null || fail "cannot write to the build folder $folder"
    [[ -w $folder && -w $folder/.launcher ]] ||
        fail "the build folder $folder belongs to another user; remove it or set VMRUNIT_BUILD_DIR"
    exec 9<"$folder"
    if ! flock --nonblock 9; then
        say "waiting for another build in $folder"
        flock 9
    fi
}

unlock_build() { exec 9<&-; }

# -------------------------------------------------------------------------------------- packages

is_root() { (($(id -u) == 0)); }

has_terminal() { { : </dev/tty; } 2>/dev/null; }

require_debian_12() {
    local os_release=${VMRUNIT_SYSTEM_ROOT:-}/etc/os-release system
    # shellcheck source=/dev/null
    system=$(. "$os_release" 2>/dev/null && printf '%s %s' "${ID:-}" "${VERSION_ID:-}") || true
    [[ $system == 'debian 12' ]] ||
        fail "packages are known for Debian 12 only, this is '${system:-unknown}';" \
            "VMRUNIT_NO_INSTALL=1 builds with what is there"
}

# Prints the packages of the given groups, one per line.
packages_of() {
    local group package line wanted=" $* "
    while read -r line; do
        read -r group package _ <<<"${line%%#*}"
        [[ -n $group && $wanted == *" $group "* ]] && printf '%s\n' "$package"
    done <"$packages_file"
    return 0
}

# Prints those of the given packages that are not fully installed for this architecture.
missing_of() {
    local package architecture status
    local -A installed=()
    while read -r package architecture status; do
        [[ $status == installed && $architecture =~ ^(amd64|all)$ ]] && installed[$package]=1
    done < <(dpkg-query --show \
        --showformat '${Package} ${Architecture} ${db:Status-Status}\n' "$@" 2>/dev/null)
    for package in "$@"; do
        [[ -n ${installed[$package]:-} ]] || printf '%s\n' "$package"
    done
}

# Maintainer scripts must not ask, must not hold the build's lock, must not write to our stdout.
run_as_root() {
    if is_root; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    elif has_terminal; then
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo --non-interactive env DEBIAN_FRONTEND=noninteractive "$@"
    fi </dev/null >&2 9<&-
}

apt() {
    run_as_root apt-get --quiet --quiet --yes --no-install-recommends \
        --option DPkg::Lock::Timeout=600 --option Dpkg::Use-Pty=0 "$@"
}

# Installs what is missing of the given groups of packages.txt, and does not touch apt otherwise.
install_packages() {
    [[ ${VMRUNIT_NO_INSTALL:-0} == 1 ]] && return
    require_debian_12
    local wanted missing command
    mapfile -t wanted < <(packages_of "$@")
    mapfile -t missing < <(missing_of "${wanted[@]}")
    ((${#missing[@]} > 0)) || return 0

    command="apt-get update && apt-get install --no-install-recommends ${missing[*]}"
    if ! is_root && ! type -P sudo >/dev/null; then
        fail "packages are missing, and this is neither root nor is there sudo; as root, run:" \
            "$command"
    fi
    say "installing with apt: ${missing[*]}"
    # Lists may be empty (a new container) or so old that the archive has moved on (the download
    # fails); only then are they fetched. A half-done earlier installation is finished first.
    if apt-get --quiet --quiet --simulate install "${missing[@]}" >/dev/null 2>&1; then
        apt install "${missing[@]}" || retry_install "${missing[@]}" || true
    else
        retry_install "${missing[@]}" || true
    fi
    mapfile -t missing < <(missing_of "${wanted[@]}")
    ((${#missing[@]} == 0)) ||
        fail "apt did not install ${missing[*]}; run this, then try again:" \
            "apt-get update && apt-get install --no-install-recommends ${missing[*]}"
}

retry_install() {
    run_as_root dpkg --configure --pending || true
    apt update || true
    apt --fix-broken install "$@"
}

# ----------------------------------------------------------------------------------------- build

# The stamp must be older than anything edited while the build runs, so that the next run sees it.
begin_build() {
    rm -f "$1/.launcher/built"
    printf '%s\n' "$root" >"$1/.launcher/begun"
}

finish_build() { mv "$1/.launcher/begun" "$1/.launcher/built"; }

# For whoever builds once and runs: several sources at a time, since most of a compiler's time goes
# into headers, and line numbers for backtraces without the costly rest.
quick_build=(-Dunity=on -Dunity_size=12 -Dc_args=-g1 -Dcpp_args=-g1)

# configure FOLDER [MESON OPTION...]: leaves a folder that ninja can work in. One that was configured
# with other options, from another place, or only in part is emptied and configured anew. One older
# than the package database is configured again, because Meson looks for tools only then.
configure() {
    local folder=$1 state=$1/.launcher configured="from $root with ${*:2}" known='' again=() message
    [[ -f $state/configured ]] && known=$(<"$state/configured")
    if [[ $known == "$configured" && -f $folder/build.ninja ]]; then
        [[ ${VMRUNIT_SYSTEM_ROOT:-}/var/lib/dpkg/status -nt $state/configured ]] || return 0
        again=(--reconfigure)
    fi

    require_tools meson ninja
    say "configuring $folder"
    mkdir -p "$state"
    rm -f "$state/configured"
    # Only what is surely a build folder is ever emptied.
    if [[ -z ${again[*]} && -d $folder/meson-private ]]; then
        find "$folder" -mindepth 1 -maxdepth 1 ! -name .launcher -exec rm -rf -- {} +
    fi
    if ! meson setup "${again[@]}" "${quick_build[@]}" "${@:2}" "$folder" "$root" \
        >"$state/configure.log" 2>&1 </dev/null; then
        message=$(grep --max-count=1 ERROR "$state/configure.log" ||
            tail --lines=1 "$state/configure.log")
        fail "Meson could not configure the build: $message (all of it: $state/configure.log)"
    fi
    # What is left out, and which package would bring it.
    while IFS= read -r message; do
        [[ $message != *"WARNING: "* ]] || say "${message#*WARNING: }"
    done <"$state/configure.log"
    printf '%s\n' "$configured" >"$state/configured"
    say "building"
}

require_tools() {
    local tool
    for tool in "$@"; do
        type -P "$tool" >/dev/null || fail "$tool is not installed (packages meson, ninja-build)"
    done
}

# compile FOLDER [TARGET...]
compile() {
    local quiet=(--quiet)
    [[ -t 2 ]] && quiet=()
    ninja "${quiet[@]}" -C "$1" "${@:2}" >&2 </dev/null ||
        fail "the build failed, its messages are above; if they make no sense, remove $1"
}
