#!/bin/sh
# Installs the programs that the tests drive (FTP clients, the firewalls that check
# what portico firewall prints, the tool that checks alert rules, the browser of the admin page,
# and servers that the tests start by themselves) where that is possible: as root, with apt.
# Elsewhere it says what is missing and succeeds:
# the tests skip what they cannot do, and fail in CI.
set -eu

missing=
command -v curl >/dev/null 2>&1 || missing="$missing curl"
command -v lftp >/dev/null 2>&1 || missing="$missing lftp"
python3 -c 'import ftplib, ssl' >/dev/null 2>&1 || missing="$missing python3"
command -v promtool >/dev/null 2>&1 || missing="$missing prometheus"
if [ "$(uname -s)" = Linux ]; then
	for program in nft iptables ip setpriv conntrack haproxy redis-server slapd webalizer logrotate chromium rpm systemd-analyze systemd-socket-activate; do
		PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null 2>&1 && continue
		case $program in
		nft) missing="$missing nftables" ;;
		ip) missing="$missing iproute2" ;;
		systemd-*) missing="$missing systemd" ;;
		setpriv) missing="$missing util-linux" ;;
		chromium) missing="$missing chromium fonts-dejavu-core" ;;
		*) missing="$missing $program" ;;
		esac
	done
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql postgresql-contrib"
	PATH="$PATH:/usr/sbin" command -v mariadbd >/dev/null 2>&1 || missing="$missing mariadb-server-core"
fi

if [ -z "$missing" ]; then
	exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
	echo "Missing for the tests:$missing (as root: apt-get install$missing)" >&2
	exit 0
fi
echo "Installing$missing for the tests" >&2
export DEBIAN_FRONTEND=noninteractive
case $missing in
*slapd*) # otherwise its package makes a directory and starts a server for it
	echo "slapd slapd/no_configuration boolean true" | debconf-set-selections
	;;
esac
case $missing in
*postgresql*) # the same
	if [ ! -e /etc/postgresql-common ]; then
		mkdir -p /etc/postgresql-common
		echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
	fi
	;;
esac
apt-get update -qq
# No package may start its service: the tests start their own servers.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
	trap 'rm -f "$policy"' EXIT
fi
# shellcheck disable=SC2086 # the names are words on purpose
apt-get install -y -qq --no-install-recommends $missing >/dev/null
