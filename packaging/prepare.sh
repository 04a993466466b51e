# Sourced by ./run, ./check and .ci/run: installs what a fresh Debian 12 does not have, and says so.
# Nothing else on the machine is changed: no service is started, no repository added, no toolchain downloaded.

RUST_NEEDED=1.95

say() { printf '\n== %s\n' "$*"; }
die() { printf '\n== FAILED: %s\n' "$*" >&2; exit 1; }

# Runs a command as root.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "this needs root and there is no sudo: $*"
    fi
}

# apt_install REASON PACKAGE...
apt_install() {
    local reason=$1
    shift
    command -v apt-get >/dev/null || die "$reason: please install what Debian calls $* (there is no apt-get here)"
    say "installing $* with apt: $reason"
    if [ -z "${APT_UPDATED:-}" ]; then
        as_root apt-get -qq update || die "apt-get update"
        APT_UPDATED=1
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
        -o Dpkg::Use-Pty=0 install "$@" || die "apt-get install $*"
}

# need PROGRAM PACKAGE REASON: installs the package if the program is missing.
need() {
    PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null || apt_install "$3" "$2"
}

# need_library FILE PACKAGE REASON: installs the package if the loader does not find the shared library.
need_library() {
    /sbin/ldconfig -p | grep -F "$1" >/dev/null || apt_install "$3" "$2"
}

# need_services PROGRAM PACKAGE ...: the same for packages that bring services, which are neither started now nor at the
# next boot.
need_services() {
    local missing=() policy=/usr/sbin/policy-rc.d made=
    while [ $# -gt 0 ]; do
        command -v "$1" >/dev/null || missing+=("$2")
        shift 2
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ ! -e $policy ]; then
        # 101: starting is forbidden (see invoke-rc.d(8)).
        printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
        as_root chmod 755 $policy
        made=1
    fi
    local status=0
    (apt_install "the tests make calls with them (their services stay off)" "${missing[@]}") || status=$?
    [ -z "$made" ] || as_root rm -f $policy
    [ $status -eq 0 ] || exit $status
    local package
    for package in "${missing[@]}"; do
        [ ! -e "/etc/init.d/$package" ] || as_root update-rc.d "$package" disable >/dev/null 2>&1 || true
    done
}

# Whether there is a cargo that is new enough.
have_cargo() {
    local version
    version=$(cargo --version 2>/dev/null | cut -d' ' -f2) || return 1
    [ -n "$version" ] && printf '%s\n%s\n' "$RUST_NEEDED" "$version" | sort -V -C
}

need_cargo() {
    if ! command -v cargo >/dev/null && [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
        PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    fi
    if ! have_cargo; then
        apt_install "cargo is missing or older than $RUST_NEEDED" cargo-web rustc-web
        # An older cargo of another origin may stand first.
        PATH="/usr/bin:$PATH"
        hash -r
        have_cargo || die "Debian's cargo-web is older than $RUST_NEEDED: is bookworm-security among apt's sources?"
    fi
    need cc "gcc" "cargo links with it"
    [ -e /usr/include/stdio.h ] || apt_install "C libraries are built with it" libc6-dev
    [ -e /etc/ssl/certs/ca-certificates.crt ] || apt_install "cargo fetches crates over HTTPS" ca-certificates
    need pkg-config pkg-config "the build finds OpenSSL with it"
    [ -e /usr/include/openssl/ssl.h ] || apt_install "DTLS is OpenSSL's" libssl-dev
    say "building with $(cargo --version)"
}

# within SECONDS COMMAND...: ends what takes too long.
within() {
    local seconds=$1 status=0 foreground=
    shift
    # At a terminal Ctrl-C has to reach the command; elsewhere all that it started has to end with it.
    [ ! -t 0 ] || foreground=--foreground
    timeout $foreground --kill-after=10 "$seconds" "$@" || status=$?
    [ $status -ne 124 ] && [ $status -ne 137 ] || die "took longer than $seconds s: $*"
    return $status
}
