#!/bin/sh
# Fetches the servers that portico is compared with (make bench-peers) from Debian and
# unpacks them side by side under bin/peers/NAME, with the libraries that the machine
# may lack. Nothing is installed, no service is started: vsftpd and pure-ftpd could not
# even be installed together. What is there already is left alone.
set -eu

target=${1:-bin/peers}
mkdir -p "$target"
target=$(cd "$target" && pwd)

# unpack NAME PACKAGE... puts the packages into $target/NAME, all or none.
unpack() {
	name=$1
	shift
	if [ -d "$target/$name" ]; then
		return
	fi
	echo "Unpacking $* for the benchmark" >&2
	work=$(mktemp -d "$target/.unpack-XXXXXX")
	trap 'rm -rf "$work"' EXIT
	mkdir "$work/debs" "$work/root"
	chmod 755 "$work" "$work/root"
	# Root's apt drops its rights for the download, if it can write there.
	if [ "$(id -u)" -eq 0 ] && id _apt >/dev/null 2>&1; then
		chown _apt "$work/debs"
	fi
	# Lists of some age name packages that the mirror no longer has.
	(cd "$work/debs" && { apt-get download -qq "$@" || { apt-get update -qq && apt-get download -qq "$@"; }; })
	for package in "$work"/debs/*.deb; do
		dpkg -x "$package" "$work/root"
	done
	mv "$work/root" "$target/$name"
	rm -rf "$work"
	trap - EXIT
}

if ! command -v apt-get >/dev/null 2>&1; then
	echo "The servers to compare with come from Debian's packages: this needs apt-get and dpkg" >&2
	exit 1
fi
unpack vsftpd vsftpd libwrap0
unpack pure-ftpd pure-ftpd pure-ftpd-common libsodium23
unpack proftpd proftpd-core proftpd-mod-crypto libhiredis0.14 libmemcached11 libmemcachedutil2 libhashkit2 libpcre2-posix3 libpcre2-8-0 libsodium23
unpack pyftpdlib python3-pyftpdlib python3-sendfile python3-openssl python3-cryptography python3-cffi-backend
