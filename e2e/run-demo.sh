#!/bin/sh
# run-demo.sh BINARY FOLDER [FLAG...] serves FOLDER, which it makes with a file
# in it, and never as root: root becomes nobody first. Both are named from the
# current directory.
set -eu

binary=$1
folder=$2
shift 2

fill() {
	mkdir -p "$1"
	if [ ! -e "$1/readme.txt" ]; then
		printf '%s\n' \
			'This folder is served by Portico, an FTP server.' \
			'Upload something beside this file: it appears here.' >"$1/readme.txt"
	fi
}

if [ "$(id -u)" -ne 0 ]; then
	fill "$folder"
	exec "$binary" serve "$folder" "$@"
fi

# shellcheck disable=SC2086 # the options are words on purpose
nobody="--reuid=nobody --regid=$(id -g nobody) --clear-groups"
as_nobody() {
	setpriv $nobody "$@"
}

# A clone below /root cannot be reached by anybody else: absolute paths show it.
if ! as_nobody test -x "$(pwd)/$binary" || ! as_nobody test -x "$(pwd)/$(dirname "$folder")"; then
	elsewhere=$(mktemp -d /var/tmp/portico-demo.XXXXXX)
	echo "The user nobody cannot reach $(pwd): the demo is in $elsewhere instead." >&2
	chmod 755 "$elsewhere"
	cp "$binary" "$elsewhere/portico"
	binary=$elsewhere/portico
	folder=$elsewhere/demo
fi
fill "$folder"
chown -R nobody "$folder"
echo "Running as root: the server runs as the user nobody." >&2
exec setpriv $nobody "$binary" serve "$folder" "$@"
