#!/bin/sh
# Installs what the tests need beside Python: Debian packages where it may (it says which are missing
# where not), and three Node programs into .venv/node.
set -u
missing=""
need() { # command package…
  command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || missing="$missing $2"
}
need mosquitto mosquitto
need chromium chromium
need fc-list fontconfig
fc-list 2>/dev/null | grep -qi "noto.*cjk" || missing="$missing fonts-noto-cjk"
fc-list 2>/dev/null | grep -qi "noto.*color.*emoji" || missing="$missing fonts-noto-color-emoji"
need curl curl
need jq jq
need openssl openssl
need node nodejs
need npm npm
need wrk wrk
need tmux tmux
need nginx nginx-light
need nats-server nats-server
need rabbitmq-server rabbitmq-server
[ -n "$(ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null)" ] || missing="$missing postgresql"
[ -e /usr/lib/nginx/modules/ngx_nchan_module.so ] || missing="$missing libnginx-mod-nchan"

install_packages() {
  as_root=""
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
      as_root="sudo -n"
    else
      echo "The tests need Debian packages that are missing:$missing" >&2
      echo "Install them, then run make test again:" >&2
      echo "  sudo apt-get install -y$missing" >&2
      exit 1
    fi
  fi
  echo "installing$missing"
  # Debian's mosquitto would start a service of its own on 1883: 101 forbids it while we install
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
    trap '$as_root rm -f "$policy"' EXIT
  fi
  export DEBIAN_FRONTEND=noninteractive
  $as_root apt-get update -qq &&
    $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

node_programs() { # real clients of the stream and of the Postman collection, rules of accessibility
  folder="$(dirname "$0")/../.venv/node"
  axe=4.14.1 # a newer one may know more rules: then pages are to be looked at anew
  [ -d "$folder/node_modules/ws" ] && [ -d "$folder/node_modules/newman" ] &&
    grep -qs "\"version\": \"$axe\"" "$folder/node_modules/axe-core/package.json" && return
  echo "installing ws, newman and axe-core into $folder"
  npm install --silent --no-audit --no-fund --prefix "$folder" ws@8 newman@6 "axe-core@$axe" >/dev/null ||
    echo "npm could not install ws, newman and axe-core: the tests that need them are skipped" >&2
}

[ -z "$missing" ] || install_packages || exit 1
node_programs
