#!/usr/bin/env bash
# Compiles the hand-written kernels (shaders/glsl, which the library embeds, and bench/handwritten) to the SPIR-V modules beside them.
#
#   bash tools/glslc.sh           writes the modules whose words changed
#   bash tools/glslc.sh --check   writes nothing; exit 1 naming the modules that are not what their
#                                 source compiles to
#
# A source may ask for several modules by comment lines:
#   // variants: NAME=-DX=1 -DY=2; NAME2=-DX=4
# gives base_NAME.spv and base_NAME2.spv; without such a line base.comp gives base.spv.
#
# The words depend on the compiler: the committed modules are made with Debian 12's glslc.
set -euo pipefail

usage="usage: bash tools/glslc.sh [--check]"
check=no
for arg in "$@"; do
	case $arg in
	--check) check=yes ;;
	--help | -h) echo "$usage"; exit 0 ;;
	*) echo "glslc: unknown option $arg; $usage" >&2; exit 2 ;;
	esac
done

command -v glslc >/dev/null || { echo "glslc: no glslc here: run bash tools/setup.sh" >&2; exit 1; }
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
shopt -s nullglob

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# modules SOURCE prints a line per module of that source: its name, a tab, its options.
modules() {
	local base=${1%.comp} lines list variant
	lines=$(sed -n 's|^//[[:space:]]*variants:||p' "$1")
	if [ -z "${lines//[[:space:]]/}" ]; then
		printf '%s\t\n' "$base"
		return
	fi
	IFS=';' read -r -a list <<<"${lines//$'\n'/;}"
	for variant in "${list[@]}"; do
		[[ $variant =~ ^[[:space:]]*([A-Za-z0-9_]+)=(.*)$ ]] || {
			[[ $variant =~ ^[[:space:]]*$ ]] && continue
			echo "glslc: $1: variant '$variant' is not NAME=-DX=1 -DY=2" >&2
			return 1
		}
		printf '%s_%s\t%s\n' "$base" "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
	done
}

# -O without -g: no names, no source text and no path in the module, so equal sources give equal words.
compile() { # source module options
	# shellcheck disable=SC2086 # the options are several words
	glslc -O --target-env=vulkan1.1 -fshader-stage=comp -I. $3 -o "$scratch/$2.spv" "$1"
}

# folder compiles or checks the kernels of one folder.
folder() {
	local folder=$1 failed=no stale=() orphans=() source table name options module
	cd "$root/$folder"
	rm -f "$scratch"/*.spv
	for source in *.comp; do
		table=$(modules "$source") || { failed=yes; continue; }
		while IFS=$'\t' read -r name options; do
			if [ -e "$scratch/$name.spv" ]; then
				echo "glslc: $source: another source or variant makes $name.spv already" >&2
				failed=yes
				continue
			fi
			compile "$source" "$name" "$options" || { echo "glslc: $source: $name.spv did not compile (${options:-no options})" >&2; failed=yes; continue; }
			cmp -s "$scratch/$name.spv" "$name.spv" || stale+=("$name.spv")
		done <<<"$table"
	done
	[ $failed = no ] || return 1

	for module in *.spv; do
		[ -e "$scratch/$module" ] || orphans+=("$module")
	done

	if [ $check = no ]; then
		for module in "${stale[@]}"; do
			cp "$scratch/$module" "$module"
			echo "glslc: wrote $folder/$module"
		done
		for module in "${orphans[@]}"; do
			echo "glslc: $folder/$module has no source: delete it, or name its variant in the source" >&2
		done
		[ ${#orphans[@]} = 0 ]
		return
	fi

	for module in "${stale[@]}"; do
		if [ -e "$module" ]; then
			echo "glslc: $folder/$module is not what its source compiles to" >&2
		else
			echo "glslc: $folder/$module is missing" >&2
		fi
	done
	for module in "${orphans[@]}"; do
		echo "glslc: $folder/$module has no source" >&2
	done
	if [ ${#stale[@]} -gt 0 ] || [ ${#orphans[@]} -gt 0 ]; then
		echo "glslc: run bash tools/glslc.sh and commit the modules (compiler here: $(glslc --version | tr '\n' ' '))" >&2
		return 1
	fi
}

status=0
for f in shaders/glsl bench/handwritten; do
	folder $f || status=1
done
exit $status
