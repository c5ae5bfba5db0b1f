#!/usr/bin/env bash
# Installs coldaisle as a service on a gateway, or removes it. Run again, it changes only what differs; a version that is already
# installed is not installed twice, and the one before stays beside it.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: install.sh install --config DIR [--site NAME] [--boundary] [--no-start] [--root DIR] [--dry-run]
       install.sh uninstall [--purge] [--root DIR] [--dry-run]

install    puts this source tree into /opt/coldaisle/versions/<content>, its site into /etc/coldaisle/<site>, the unit into
           /etc/systemd/system, and starts the service. Nothing but /opt/coldaisle/versions is touched before
           `coldaisle check` has accepted the site with the new version.
uninstall  stops the service (the daemon hands the plant back first) and removes unit and program.
           Configuration and journal stay unless --purge is given.

  --config DIR  the site to install: a folder with site.toml and points.csv
  --site NAME   its name under /etc/coldaisle; default: the folder's name
  --boundary    also enables and starts coldaisle-boundary.service, which asks sources of forecasts and serves schedulers
  --dry-run     prints what would be done, in order, and does nothing
  --no-start    installs and enables, but does not start
  --purge       with uninstall: removes /etc/coldaisle and /var/lib/coldaisle too
  --root DIR    puts everything below DIR instead of / and leaves users and services alone: for images, and to look at

Exit status: 0 done, 2 wrong use or a refused site, 1 any other failure.
TEXT
}

readonly PYTHON=${PYTHON:-python3}
SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly SOURCE
action='' config='' site='' dry_run='' start=yes purge='' root='' boundary=''

fail() { echo "install.sh: $1" >&2; exit "${2:-1}"; }

do_it() {
  if [ -n "$dry_run" ]; then echo "would run: $*"; else echo "+ $*"; "$@"; fi
}

parse() {
  while [ $# -gt 0 ]; do
    case $1 in
      -h|--help) usage; exit 0 ;;
      install|uninstall) action=$1 ;;
      --config) [ $# -ge 2 ] || fail "--config needs a folder" 2; config=$2; shift ;;
      --site) [ $# -ge 2 ] || fail "--site needs a name" 2; site=$2; shift ;;
      --root) [ $# -ge 2 ] || fail "--root needs a folder" 2; root=${2%/}; shift ;;
      --dry-run) dry_run=yes ;;
      --no-start) start='' ;;
      --boundary) boundary=yes ;;
      --purge) purge=yes ;;
      *) fail "unknown argument '$1'; see --help" 2 ;;
    esac
    shift
  done
  [ -n "$action" ] || { usage >&2; exit 2; }
  [ -n "$dry_run$root" ] || [ "$(id -u)" = 0 ] || fail "needs to be root (or --dry-run)"
  readonly PREFIX=$root/opt/coldaisle ETC=$root/etc/coldaisle STATE=$root/var/lib/coldaisle CACHE=$root/var/cache/coldaisle UNITS=$root/etc/systemd/system
  readonly SYSUSERS=$root/usr/lib/sysusers.d TMPFILES=$root/usr/lib/tmpfiles.d COMMANDS=$root/usr/local/bin
}

# Users and services belong to the running system, so not to one that is only laid out below --root.
on_system() { [ -n "$root" ] || do_it "$@"; }

# The version's name is the hash of what it is made of, so that two gateways with the same name run the same code.
content_of_source() {
  (cd "$SOURCE" && find pyproject.toml requirements.lock requirements-build.lock safety plant_models controller hil \
    -type f ! -path '*/__pycache__/*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-12)
}

build_version() {
  local venv=$1
  [ ! -e "$venv/.installed" ] || { echo "= $venv is installed"; return; }
  do_it mkdir -p "$PREFIX/versions"
  do_it "$PYTHON" -m venv --clear "$venv"
  do_it "$venv/bin/python" -m pip install --quiet --require-hashes --only-binary :all: -r "$SOURCE/requirements-build.lock"
  do_it "$venv/bin/python" -m pip install --quiet --require-hashes --no-build-isolation --use-pep517 -r "$SOURCE/requirements.lock"
  # Built from a copy: a build folder left in the source tree would put modules that are long gone into the package.
  do_it mkdir "$venv/source"
  do_it cp -a --no-preserve=ownership "$SOURCE"/{pyproject.toml,README.md,LICENSE,NOTICE,safety,plant_models,controller,hil} "$venv/source/"
  do_it "$venv/bin/python" -m pip install --quiet --no-deps --no-build-isolation --no-index "$venv/source"
  do_it rm -rf "$venv/source"
  do_it touch "$venv/.installed"
}

# The kernel drops every packet to or from any other address. Only possible where the site names its devices by address.
write_address_list() {
  local venv=$1 drop_in=$UNITS/coldaisle.service.d/10-devices.conf text
  if [ -n "$dry_run" ]; then echo "would write: $drop_in (addresses of the devices in $config/site.toml)"; return; fi
  text=$("$venv/bin/python" - "$config" <<'PY'
import ipaddress, sys
from pathlib import Path
from plant_models.site.load import load_site

hosts = sorted({device.host for device in load_site(Path(sys.argv[1])).site.device.values()})
try:
    addresses = [str(ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)) for host in hosts]
except ValueError as error:
    print(f"install.sh: the devices are not all named by address ({error}); the service may reach any address", file=sys.stderr)
else:
    print("# Written by install.sh from the device addresses of the site; run it again after changing them.")
    print("[Service]\nIPAddressDeny=any\nIPAddressAllow=" + " ".join(addresses))
PY
)
  if [ -n "$text" ]; then
    mkdir -p "${drop_in%/*}" && printf '%s\n' "$text" > "$drop_in"
  else
    rm -f "$drop_in"
  fi
}

install_it() {
  [ -n "$config" ] || fail "install needs --config DIR" 2
  [ -f "$config/site.toml" ] && [ -f "$config/points.csv" ] || fail "$config: needs site.toml and points.csv" 2
  config=$(cd "$config" && pwd)
  site=${site:-$(basename "$config")}
  [[ $site =~ ^[a-z][a-z0-9]*(-[a-z0-9]+)*$ && $site != site ]] || fail "--site '$site': lower-case words joined by '-', and not 'site'" 2
  local venv
  venv=$PREFIX/versions/$(content_of_source)
  build_version "$venv"
  do_it "$venv/bin/coldaisle" check --config "$config" || fail "the site is refused; nothing was changed" 2
  do_it install -D -m 0644 "$SOURCE/systemd/coldaisle.sysusers" "$SYSUSERS/coldaisle.conf"
  on_system systemd-sysusers coldaisle.conf
  do_it install -D -m 0644 "$SOURCE/systemd/coldaisle.tmpfiles" "$TMPFILES/coldaisle.conf"
  on_system systemd-tmpfiles --create coldaisle.conf
  if [ "$config" != "$ETC/$site" ]; then
    do_it mkdir -p "$ETC/$site"
    do_it cp -a --no-preserve=ownership "$config/." "$ETC/$site/"
  fi
  do_it ln -sfnT "$site" "$ETC/site"
  write_address_list "$venv"
  do_it install -D -m 0644 "$SOURCE/systemd/coldaisle.service" "$UNITS/coldaisle.service"
  do_it install -D -m 0644 "$SOURCE/systemd/coldaisle-boundary.service" "$UNITS/coldaisle-boundary.service"
  do_it ln -sfnT "versions/${venv##*/}" "$PREFIX/current"
  do_it install -D -m 0755 "$SOURCE/systemd/coldaisle.sh" "$COMMANDS/coldaisle"
  on_system systemctl daemon-reload
  on_system systemctl enable coldaisle.service
  [ -z "$start" ] || on_system systemctl restart coldaisle.service
  [ -z "$boundary" ] || on_system systemctl enable coldaisle-boundary.service
  # One that runs already goes on with the new version too.
  [ -z "$start" ] || on_system systemctl "$([ -n "$boundary" ] && echo restart || echo try-restart)" coldaisle-boundary.service
}

uninstall_it() {
  [ ! -e "$UNITS/coldaisle.service" ] || on_system systemctl disable --now coldaisle.service
  [ ! -e "$UNITS/coldaisle-boundary.service" ] || on_system systemctl disable --now coldaisle-boundary.service
  do_it rm -rf "$UNITS/coldaisle.service" "$UNITS/coldaisle.service.d" "$UNITS/coldaisle-boundary.service" "$UNITS/coldaisle-boundary.service.d" \
    "$SYSUSERS/coldaisle.conf" "$TMPFILES/coldaisle.conf" "$COMMANDS/coldaisle" "$PREFIX" "$CACHE"
  on_system systemctl daemon-reload
  [ -z "$purge" ] || do_it rm -rf "$ETC" "$STATE"
}

parse "$@"
"${action}_it"
