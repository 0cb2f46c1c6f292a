#!/usr/bin/env bash
# Brings what lavagrad needs on Debian or Ubuntu: a C compiler for cgo, the Vulkan loader, the two
# CPU drivers (lavapipe, SwiftShader), glslc, the SPIR-V tools and the validation layers.
# Run `bash tools/setup.sh --help` for the options and what each part is for.
set -euo pipefail

usage() {
	cat <<'EOF'
usage: bash tools/setup.sh [--check] [--quiet] [--peers] [--help]

Installs, on Debian 12 or later and on Ubuntu 22.04 or later, only what is missing of:
  go           not installed by this script: https://go.dev/doc/install
  cc           gcc and the C library's headers (cgo; CC names another compiler)
  certs        the certificates that Go needs to fetch modules
  loader       libvulkan.so.1, which finds the drivers
  lavapipe     Mesa's CPU driver
  swiftshader  Google's CPU driver, one file out of Debian's chromium-common package, put in
               ${XDG_CACHE_HOME:-~/.cache}/lavagrad/swiftshader (Ubuntu has no such package)
  glslc        compiles shaders/glsl; only tools/glslc.sh and the tests call it
  spirv-tools  spirv-val, which the tests call on every emitted module
  layers       the Vulkan validation layers, on in the tests

A GPU needs nothing more than its vendor's driver: the loader finds it.

  --check   install nothing; report, and exit 1 when something is missing
  --quiet   print only what is installed and what is wrong
  --peers   with PyTorch too (Debian's python3-torch, 0.6 GB with what it needs), which bench/compare runs beside lavagrad
  --help    this text

LAVAGRAD_SWIFTSHADER: a SwiftShader of your own, as its manifest (a .json file) or the folder
that holds vk_swiftshader_icd.json; then none is fetched.
EOF
}

check=no quiet=no peers=no
for arg in "$@"; do
	case $arg in
	--check) check=yes ;;
	--quiet) quiet=yes ;;
	--peers) peers=yes ;;
	--help | -h) usage; exit 0 ;;
	*) echo "setup: unknown option $arg" >&2; usage >&2; exit 2 ;;
	esac
done

say() { echo "setup: $*"; }
warn() { echo "setup: $*" >&2; }
die() { warn "$@"; exit 1; }

case $(uname -s) in
Linux) ;;
Darwin) die "macOS is not supported yet: its only Vulkan is MoltenVK (in LunarG's Vulkan SDK), on which lavagrad is untested" ;;
*) die "$(uname -s) is not served by this script: on Windows install your GPU vendor's driver to use lavagrad, and run this script and the tests under WSL" ;;
esac

distro=unknown distro_like="" distro_name="this distribution"
if [ -r /etc/os-release ]; then
	distro=$(. /etc/os-release && echo "${ID:-unknown}")
	distro_like=$(. /etc/os-release && echo "${ID_LIKE:-}")
	distro_name=$(. /etc/os-release && echo "${PRETTY_NAME:-$ID}")
fi

# ldconfig is in /sbin, which an ordinary user's PATH may lack.
PATH=$PATH:/usr/local/go/bin:/usr/sbin:/sbin
[ -n "${XDG_CACHE_HOME:-}${HOME:-}" ] || die "neither HOME nor XDG_CACHE_HOME is set: no place for SwiftShader"
swiftshader_dir=${XDG_CACHE_HOME:-${HOME:-}/.cache}/lavagrad/swiftshader
manifest=vk_swiftshader_icd.json

# ---- what is here: each have_* function sets $where to what it found ----

have_command() { where=$(command -v "$1"); }
have_go() { have_command go && where+=" ($(go env GOVERSION 2>/dev/null))"; }
have_glslc() { have_command glslc; }

# PyTorch multiplies by whatever BLAS the system names. The reference one, which comes without recommended packages, is twenty times
# slower than OpenBLAS: a comparison with it would be a lie.
have_peers() {
	local blas
	find_library libblas.so.3 && blas=$(readlink -f "$where") || return 1
	case $blas in */blas/*) return 1 ;; esac
	where=$(/usr/bin/python3 -c 'import torch; print("/usr/bin/python3: PyTorch", torch.__version__)' 2>/dev/null) && where+=", BLAS $blas"
}
have_spirv_tools() { have_command spirv-dis && have_command spirv-val; }

# Debian's gcc comes without the C library's headers when recommended packages are off, so the
# check preprocesses one of them.
have_cc() {
	where=${CC:-gcc}
	# shellcheck disable=SC2086 # CC may hold options
	printf '#include <stdlib.h>\n' | ${CC:-gcc} -E -x c - >/dev/null 2>&1
}

# The bundles that Go's crypto/x509 reads on Linux.
have_certs() {
	for where in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt \
		/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem /etc/ssl/ca-bundle.pem /etc/ssl/cert.pem; do
		[ -z "$where" ] || [ ! -s "$where" ] || return 0
	done
	return 1
}

find_library() { where=$(ldconfig -p 2>/dev/null | awk -v name="$1" '$1 == name && !n++ { print $NF }') && [ -n "$where" ]; }
have_loader() { find_library libvulkan.so.1; }

# vulkan_files GLOB prints the files that match GLOB below the loader's search folders.
vulkan_files() {
	local dir file
	for dir in "${XDG_CONFIG_HOME:-${HOME:-}/.config}" /etc "${XDG_DATA_HOME:-${HOME:-}/.local/share}" /usr/local/share /usr/share; do
		for file in "$dir"/vulkan/$1; do
			[ ! -r "$file" ] || echo "$file"
		done
	done
}

# manifest_library FILE prints the library that a driver's manifest names.
manifest_library() { sed -n 's/.*"library_path"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/\1/p' "$1" | sed -n 1p; }

# have_manifest FILE: the manifest names a library that exists. A bare name is looked up by the
# dynamic linker, a path with a slash is relative to the manifest.
have_manifest() {
	local library
	[ -f "$1" ] && [ -r "$1" ] || return 1
	library=$(manifest_library "$1")
	case $library in
	'') return 1 ;;
	/*) [ -s "$library" ] ;;
	*/*) [ -s "$(dirname "$1")/$library" ] ;;
	*) find_library "$library" ;;
	esac && where=$1
}

have_lavapipe() {
	local file
	for file in $(vulkan_files 'icd.d/lvp_icd*.json'); do
		! have_manifest "$file" || return 0
	done
	return 1
}

have_layers() { where=$(vulkan_files 'explicit_layer.d/VkLayer_khronos_validation.json' | sed -n 1p) && [ -n "$where" ]; }

have_swiftshader() {
	if [ -n "${LAVAGRAD_SWIFTSHADER:-}" ]; then
		have_manifest "$LAVAGRAD_SWIFTSHADER" || have_manifest "$LAVAGRAD_SWIFTSHADER/$manifest"
	else
		have_manifest "$swiftshader_dir/$manifest"
	fi
}

# ---- installing ----

# root runs a command as root: directly, or by sudo where that asks no password.
root() {
	if [ "$(id -u)" = 0 ]; then
		env DEBIAN_FRONTEND=noninteractive "$@"
	else
		sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
	fi
}
can_root() { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }

scratch=
trap '[ -z "$scratch" ] || rm -rf "$scratch"' EXIT

# logged runs a command and shows what it printed only when it fails.
logged() {
	"$@" >"$scratch/log" 2>&1 </dev/null && return 0
	local status=$?
	sed 's/^/    /' "$scratch/log" >&2
	return $status
}

# update_lists fetches apt's package lists. apt waits for dpkg's lock (DPkg::Lock::Timeout) but
# not for that of the lists, which a freshly booted machine often holds: so a few tries.
update_lists() {
	say "fetching the package lists"
	local try
	for try in 1 2 3 4 5 6 7 8; do
		root apt-get -q update >"$scratch/log" 2>&1 </dev/null && return 0
		grep -q 'Could not get lock' "$scratch/log" || break
		sleep $((try * 2))
	done
	sed 's/^/    /' "$scratch/log" >&2
	warn "apt-get update failed; going on with the lists that are here"
}

# Not by `apt-cache | grep -q`: grep would close the pipe early, and pipefail would make that a no.
has_candidate() { [[ $(apt-cache policy "$1" 2>/dev/null) == *"Candidate: "[!\(]* ]]; }

fetch_swiftshader() {
	say "taking SwiftShader out of chromium-common into $swiftshader_dir"
	has_candidate chromium-common || {
		warn "apt knows no chromium-common package: run 'apt-get update' as root, and have Debian's main section in apt's sources"
		return 1
	}
	(cd "$scratch" && logged apt-get -q -o APT::Sandbox::User=root download chromium-common) || return 1
	dpkg-deb --fsys-tarfile "$scratch"/chromium-common_*.deb |
		tar -xO ./usr/lib/chromium/libvk_swiftshader.so >"$scratch/libvk_swiftshader.so" || return 1
	mkdir -p "$swiftshader_dir" || return 1
	# The loader takes a driver's Vulkan version from the manifest: Chromium's own says 1.0.5, which
	# would make the loader ask the driver for Vulkan 1.0.
	printf '{"file_format_version": "1.0.0", "ICD": {"library_path": "./libvk_swiftshader.so", "api_version": "1.3.0"}}\n' >"$scratch/$manifest"
	# By rename, library first: a program that starts meanwhile finds a whole driver or none.
	local file
	for file in libvk_swiftshader.so $manifest; do
		cp "$scratch/$file" "$swiftshader_dir/.$file.$$" && mv -f "$swiftshader_dir/.$file.$$" "$swiftshader_dir/$file" || return 1
	done
}

# ---- the parts ----

# part -> Debian packages ('a|b': the first that apt knows)
parts=(cc certs loader lavapipe glslc spirv_tools layers)
declare -A packages=(
	[cc]="gcc libc6-dev" [certs]=ca-certificates [loader]=libvulkan1 [lavapipe]=mesa-vulkan-drivers
	[glslc]="glslc|shaderc" [spirv_tools]=spirv-tools [layers]=vulkan-validationlayers [peers]="python3-torch libopenblas0-pthread"
)
[ $peers = no ] || parts+=(peers)

# look fills missing (the parts of the list above) and the two flags; it reports the rest.
look() {
	missing=() go_missing=no swiftshader_missing=no
	local part
	for part in go "${parts[@]}" swiftshader; do
		if "have_$part"; then
			[ "$quiet" = yes ] || printf '  %-12s %s\n' "${part/_/-}" "$where"
			continue
		fi
		case $part in
		go) go_missing=yes ;;
		swiftshader) swiftshader_missing=yes ;;
		*) missing+=("$part") ;;
		esac
		[ "$part" = swiftshader ] && [ "$quiet" = yes ] && ! swiftshader_served || printf '  %-12s missing\n' "${part/_/-}"
	done
}

# Only Debian has SwiftShader in a package; elsewhere lavapipe serves alone.
swiftshader_served() { [ "$distro" = debian ] || [ -n "${LAVAGRAD_SWIFTSHADER:-}" ]; }

complete() { [ ${#missing[@]} = 0 ] && [ $go_missing = no ] && { [ $swiftshader_missing = no ] || ! swiftshader_served; }; }

# finish reports and exits.
finish() {
	[ $go_missing = no ] || warn "Go is missing: install Go 1.26 or later (https://go.dev/doc/install)"
	if [ $swiftshader_missing = yes ] && [ -n "${LAVAGRAD_SWIFTSHADER:-}" ]; then
		warn "LAVAGRAD_SWIFTSHADER=$LAVAGRAD_SWIFTSHADER is neither a driver manifest whose library exists nor a folder with $manifest in it"
	elif [ $swiftshader_missing = yes ] && ! swiftshader_served && [ "$quiet" = no ]; then
		say "SwiftShader could not be brought: $distro_name has no package of it. lavapipe serves alone; LAVAGRAD_SWIFTSHADER may name a SwiftShader of your own"
	fi
	if ! complete; then
		[ "$check" = no ] || warn "to install what is missing: bash tools/setup.sh$([ $peers = no ] || echo " --peers")"
		exit 1
	fi
	[ "$quiet" = yes ] || say "all is there"
	exit 0
}

look
fetch=no
[ $swiftshader_missing = no ] || [ -n "${LAVAGRAD_SWIFTSHADER:-}" ] || ! swiftshader_served || fetch=yes
# Also where only Go, or a SwiftShader named by hand, is missing: neither is this script's to install.
if [ "$check" = yes ] || { [ ${#missing[@]} = 0 ] && [ $fetch = no ]; }; then
	finish
fi

case " $distro $distro_like " in
*" debian "* | *" ubuntu "*) ;;
*" fedora "* | *" rhel "*)
	die "$distro_name is not served; as root run: dnf install gcc vulkan-loader mesa-vulkan-drivers glslc spirv-tools vulkan-validation-layers" ;;
*" arch "*)
	die "$distro_name is not served; as root run: pacman -S --needed gcc vulkan-icd-loader vulkan-swrast shaderc spirv-tools vulkan-validation-layers" ;;
*)
	die "$distro_name is not served; install with its package manager: a C compiler, the Vulkan loader (libvulkan.so.1), Mesa's lavapipe driver, glslc (shaderc), spirv-tools, the Khronos validation layers; then run this again" ;;
esac

scratch=$(mktemp -d)
! can_root || update_lists

if [ ${#missing[@]} -gt 0 ]; then
	install=()
	for part in "${missing[@]}"; do
		for choice in ${packages[$part]}; do
			name=${choice%%|*}
			has_candidate "$name" || [ "$choice" = "$name" ] || ! has_candidate "${choice#*|}" || name=${choice#*|}
			install+=("$name")
		done
	done
	if ! can_root; then
		die "missing: ${missing[*]}. There is no root and no sudo without a password here; run this, then this script again:
    sudo apt-get update && sudo apt-get install -y --no-install-recommends ${install[*]}"
	fi
	say "installing ${install[*]}"
	logged root apt-get -q -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 install --no-install-recommends "${install[@]}" || {
		[ "$distro" != ubuntu ] || warn "on Ubuntu some of these are in the section 'universe': add-apt-repository universe"
		die "apt-get install failed: see above"
	}
fi

[ $fetch = no ] || fetch_swiftshader || warn "SwiftShader could not be brought: see above"
if [ "$(id -u)" = 0 ] && [ -n "${SUDO_USER:-}" ] && [ $fetch = yes ]; then
	warn "run by sudo: SwiftShader went to root's cache folder. Run this as $SUDO_USER too; it calls sudo itself where it must"
fi

look
finish
