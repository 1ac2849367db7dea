#!/bin/sh
# reproducible.sh [PLATFORMS] makes the distribution of the last commit twice, in
# two clones in two places with nothing compiled beforehand, and compares all bytes.
# That takes minutes.
set -eu

platforms=${1:-linux/amd64}
source=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

make_in() { # PLACE
	git clone -q "file://$source" "$folder/$1/portico"
	git -C "$folder/$1/portico" checkout -q "$(git -C "$source" rev-parse HEAD)"
	(cd "$folder/$1/portico/deploy/dist" && GOCACHE="$folder/$1/cache" TMPDIR="$folder/$1" go run . -platforms "$platforms" -out "$folder/$1/out")
}

make_in first
make_in another/place
diff -r "$folder/first/out" "$folder/another/place/out"
cat "$folder/first/out/SHA256SUMS"
echo "Both are the same."
