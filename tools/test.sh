#!/usr/bin/env bash
# Runs the tests: what needs no device once, the rest once per CPU driver with the validation
# layers on. Arguments go to go test, e.g. bash tools/test.sh -short -run 'Map|Grad'.
#
# DRIVERS names other devices (as LAVAGRAD_DEVICE does): DRIVERS=gpu bash tools/test.sh
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

# Packages whose tests open no device.
host_packages="tree shaders shaders/spirv examples/internal/chart examples/internal/sheet"

bash tools/setup.sh --quiet || exit 1

if [ -z "${DRIVERS:-}" ]; then
	DRIVERS="swiftshader lavapipe"
	if [ -z "${LAVAGRAD_SWIFTSHADER:-}" ] && [ ! -e "${XDG_CACHE_HOME:-$HOME/.cache}/lavagrad/swiftshader/vk_swiftshader_icd.json" ]; then
		# setup.sh lets this pass only where no package of SwiftShader exists.
		echo "test: NOT tested on SwiftShader: this system has none (see bash tools/setup.sh)"
		DRIVERS=lavapipe
	fi
fi

module=$(go list -m -f '{{if .Main}}{{.Path}}{{end}}' github.com/lavagrad/lavagrad) || exit 1
all=$(go list ./... ./examples/...) || exit 1
host=() device=()
for package in $all; do
	case " $host_packages " in
	*" ${package#"$module/"} "*) host+=("$package") ;;
	*) device+=("$package") ;;
	esac
done

failed=()
# run NAME PACKAGES... ; -count=1: drivers and layers are inputs that go's test cache cannot see.
run() {
	local name=$1 begin=$SECONDS
	shift
	echo "test: $name"
	go test -count=1 "${flags[@]}" "$@" || failed+=("$name")
	echo "test: $name took $((SECONDS - begin)) s"
}

flags=("$@")
export LAVAGRAD_DEBUG="validate${LAVAGRAD_DEBUG:+,$LAVAGRAD_DEBUG}"
[ ${#host[@]} = 0 ] || run "without a device" "${host[@]}"
for driver in $DRIVERS; do
	LAVAGRAD_DEVICE=$driver run "$driver" "${device[@]}"
done

if [ ${#failed[@]} -gt 0 ]; then
	for name in "${failed[@]}"; do
		echo "test: FAILED: $name"
	done
	exit 1
fi
