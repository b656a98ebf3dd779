#!/bin/sh
# Sees to it that there is a mosquitto for the embedded broker:
#   one that is installed already, else apt with root or sudo, else unpacked into DIR without root.
# Usage: sh config/mosquitto/install.sh DIR
# GATEWAY_MOSQUITTO=unpack skips the first two ways.
set -eu

[ $# -eq 1 ] || { echo "usage: sh $0 DIR" >&2; exit 2; }
mkdir -p "$1"
dir=$(cd "$1" && pwd)
way=${GATEWAY_MOSQUITTO:-any}
policy=/usr/sbin/policy-rc.d

say() { echo "mosquitto: $*" >&2; }

installed() {
    [ "$way" != unpack ] && PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v mosquitto > /dev/null
}

unpacked() {
    [ -x "$dir/usr/sbin/mosquitto" ] && starts
}

starts() { # `mosquitto -h` ends with 3; the loader with 127 when a library is missing
    libraries=$(printf '%s:' "$dir"/usr/lib/*-linux-* "$dir"/lib/*-linux-*)
    code=0
    LD_LIBRARY_PATH=$libraries "$dir/usr/sbin/mosquitto" -h > /dev/null 2>&1 || code=$?
    [ "$code" -lt 126 ]
}

# Debian's package starts a service on port 1883 and at every boot; ours is a child of the gateway.
with_apt() {
    [ "$way" != unpack ] && command -v apt-get > /dev/null || return 1
    if [ "$(id -u)" -eq 0 ]; then root=; elif sudo -n true 2> /dev/null; then root=sudo; else return 1; fi
    ours=
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | $root tee "$policy" > /dev/null
        $root chmod 755 "$policy"
        ours=$policy
    fi
    code=0
    apt_install || { $root apt-get update -qq && apt_install; } || code=1
    [ -z "$ours" ] || $root rm -f "$ours"
    [ "$code" -eq 0 ] || return 1
    $root systemctl disable mosquitto > /dev/null 2>&1 ||
        $root update-rc.d mosquitto disable > /dev/null 2>&1 || true
}

apt_install() {
    $root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq -y --no-install-recommends mosquitto > /dev/null
}

without_root() {
    command -v apt-get > /dev/null && command -v dpkg > /dev/null || return 1
    work=$(mktemp -d)
    chmod 755 "$work"
    apt=
    if ! apt-cache show mosquitto > /dev/null 2>&1; then # no package lists: fetch our own
        mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
        apt="-o Dir::State::Lists=$work/lists -o Dir::Cache=$work/cache"
        # shellcheck disable=SC2086  # several options in one word
        apt-get $apt -qq update > /dev/null 2>&1 || true
    fi
    code=0
    ( cd "$work" && unpack ) || code=1
    rm -rf "$work"
    return "$code"
}

unpack() { # shellcheck disable=SC2086  # several options in one word
    for package in mosquitto $(libraries_that_are_missing); do
        apt-get $apt -qq download "$package" > /dev/null 2>&1 || say "cannot download $package"
    done
    for archive in *.deb; do
        [ -e "$archive" ] || return 1
        dpkg -x "$archive" "$dir" || return 1
    done
    starts
}

libraries_that_are_missing() { # names differ from release to release: ask apt
    # shellcheck disable=SC2046  # one word per package
    depends --recurse $(depends mosquitto) | while read -r package; do
        state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null || true)
        [ "$state" = installed ] || echo "$package"
    done
}

depends() { # shellcheck disable=SC2086  # several options in one word
    apt-cache $apt depends -o APT::Cache::ShowOnlyFirstOr=true --no-recommends --no-suggests \
        --no-conflicts --no-breaks --no-replaces --no-enhances "$@" |
        sed -n 's/^.*\(Depends: \|^\)\(lib[a-z0-9.+-]*\).*$/\2/p' | sort -u
}

if installed || unpacked; then exit 0; fi
if with_apt && installed; then say "installed with apt (its own service stays off)"; exit 0; fi
if without_root; then say "unpacked into $dir"; exit 0; fi
say "could neither be installed nor unpacked. Do one of these, then try again:"
say "  sudo apt-get install mosquitto        (or your system's own package, version 2 or later)"
say "  set url = \"mqtt://HOST:1883\" in [mqtt] of gateway.toml to use a broker that runs elsewhere"
exit 1
