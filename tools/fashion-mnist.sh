#!/usr/bin/env bash
# Puts Fashion-MNIST (Zalando SE, MIT licence) into ${XDG_CACHE_HOME:-~/.cache}/lavagrad/fashion-mnist, where the examples look
# for it: out of Debian's package dataset-fashion-mnist, which is only unpacked, so no root is needed.
set -euo pipefail

warn() { echo "fashion-mnist: $*" >&2; }
[ -n "${XDG_CACHE_HOME:-}${HOME:-}" ] || { warn "neither HOME nor XDG_CACHE_HOME is set: no place for the data"; exit 1; }
folder=${XDG_CACHE_HOME:-${HOME:-}/.cache}/lavagrad/fashion-mnist
files=(train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz t10k-images-idx3-ubyte.gz t10k-labels-idx1-ubyte.gz)

complete() {
	local file
	for file in "${files[@]}"; do
		[ -s "$1/$file" ] || return 1
	done
}
for place in "$folder" /usr/share/datasets/fashion-mnist; do
	if complete "$place"; then
		echo "fashion-mnist: in $place"
		exit 0
	fi
done

other="put ${files[*]} from https://github.com/zalandoresearch/fashion-mnist (folder data/fashion) into $folder"
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
	warn "this system has no apt-get and dpkg-deb to fetch Debian's package with; $other"
	exit 1
fi
package=dataset-fashion-mnist
if [[ $(apt-cache policy "$package" 2>/dev/null) != *"Candidate: "[!\(]* ]]; then
	warn "apt knows no package $package: run 'apt-get update' as root, and have Debian's main section (Ubuntu: universe) in apt's sources; or $other"
	exit 1
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
echo "fashion-mnist: taking it out of $package into $folder" >&2
if ! (cd "$scratch" && apt-get -q -o APT::Sandbox::User=root download "$package" >log 2>&1 </dev/null); then
	sed 's/^/    /' "$scratch/log" >&2
	warn "apt-get download failed; or $other"
	exit 1
fi
dpkg-deb --fsys-tarfile "$scratch/$package"_*.deb | tar -x -C "$scratch" ./usr/share/datasets/fashion-mnist
complete "$scratch/usr/share/datasets/fashion-mnist" || { warn "the package lacks some of ${files[*]}; $other"; exit 1; }
mkdir -p "$folder"
# By rename, pictures of the test set last: a program that starts meanwhile finds all of it or none.
for file in train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz t10k-labels-idx1-ubyte.gz t10k-images-idx3-ubyte.gz; do
	cp "$scratch/usr/share/datasets/fashion-mnist/$file" "$folder/.$file.$$"
	mv -f "$folder/.$file.$$" "$folder/$file"
done
echo "fashion-mnist: in $folder"
