#!/bin/sh
# The operator's command on a gateway: the same directories as in coldaisle.service, so that `coldaisle status --config /etc/coldaisle/site`
# finds the running daemon.
export COLDAISLE_PERSISTENCE__DIRECTORY="${COLDAISLE_PERSISTENCE__DIRECTORY:-/var/lib/coldaisle}"
export COLDAISLE_PERSISTENCE__SOCKET="${COLDAISLE_PERSISTENCE__SOCKET:-/run/coldaisle/control.sock}"
export COLDAISLE_BOUNDARY__SOCKET="${COLDAISLE_BOUNDARY__SOCKET:-/run/coldaisle-boundary/boundary.sock}"
exec /opt/coldaisle/current/bin/coldaisle "$@"
