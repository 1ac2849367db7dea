#!/bin/sh
# Installs the client programs that the end-to-end tests drive, where that is
# possible: as root, with apt. Elsewhere it says what is missing and succeeds:
# the tests skip what they cannot do, and fail in CI.
set -eu

missing=
command -v curl >/dev/null 2>&1 || missing="$missing curl"
command -v lftp >/dev/null 2>&1 || missing="$missing lftp"
python3 -c 'import ftplib, ssl' >/dev/null 2>&1 || missing="$missing python3"

if [ -z "$missing" ]; then
	exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
	echo "Missing for the end-to-end tests:$missing (as root: apt-get install$missing)" >&2
	exit 0
fi
echo "Installing$missing for the end-to-end tests" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # the names are words on purpose
apt-get install -y -qq --no-install-recommends $missing >/dev/null
