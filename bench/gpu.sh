#!/usr/bin/env bash
# Builds what a machine with a GPU and without Go needs to test and measure lavagrad, into one folder:
#
#   bash bench/gpu.sh [FOLDER]          # default out/gpu; prints its size
#   FOLDER/run.sh [doctor|tests|compare|bench]...    # there; without a word all four, in this order
#
# The programs need the C library (of this machine's version or newer) and nothing else: the Vulkan loader is opened when they run,
# and a copy of this machine's lies in FOLDER/lib for a machine that has none. bench/compare brings its Python side with it.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
case ${1:-} in
--help | -h) sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
esac
out=${1:-$root/out/gpu}
packages=(gpu shaders/emath graph graph/linalg graph/random graph/nn vmap posterior/sgmcmc)

mkdir -p "$out/tests" "$out/lib"
out=$(cd "$out" && pwd)
PATH=$PATH:/usr/local/go/bin
cd "$root"
small=(-ldflags "-s -w")
go build "${small[@]}" -o "$out/lavagrad" ./cmd/lavagrad
go build "${small[@]}" -o "$out/compare" ./bench/compare
go test -c "${small[@]}" -o "$out/bench.test" ./bench
for p in "${packages[@]}"; do
	go test -c "${small[@]}" -o "$out/tests/${p//\//-}.test" "./$p"
	rm -rf "$out/tests/${p//\//-}"
	mkdir "$out/tests/${p//\//-}" # a test runs in its package's folder
	[ ! -d "$p/testdata" ] || cp -R "$p/testdata" "$out/tests/${p//\//-}/"
done
# The tests pass every kernel through spirv-val, which Debian links against the C library alone.
tool=$(command -v spirv-val) || { echo "gpu.sh: spirv-val is missing: bash tools/setup.sh" >&2; exit 1; }
cp "$tool" "$out/spirv-val"
loader=$(ldconfig -p 2>/dev/null | awk '$1 == "libvulkan.so.1" && !n++ { print $NF }')
[ -z "$loader" ] || cp -L "$loader" "$out/lib/libvulkan.so.1"

cat >"$out/run.sh" <<'EOF'
#!/usr/bin/env bash
# Tests and measures lavagrad on this machine's GPU, or on LAVAGRAD_DEVICE. Exit status 1 when anything failed.
# PYTHON names the Python with PyTorch and JAX; ARGS are further arguments of compare (such as "-only norms").
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ldconfig -p 2>/dev/null | grep -q 'libvulkan\.so\.1' || export LD_LIBRARY_PATH=$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export PATH=$here:$PATH LAVAGRAD_DEVICE=${LAVAGRAD_DEVICE:-gpu}
status=0
[ $# -gt 0 ] || set -- doctor tests compare bench
for part; do
	case $part in
	doctor) "$here/lavagrad" doctor || status=1 ;;
	tests)
		for t in "$here"/tests/*.test; do
			echo "==== $(basename "$t")"
			(cd "${t%.test}" && "$t" -test.short) || status=1
		done ;;
	compare)
		# shellcheck disable=SC2086 # ARGS holds several
		"$here/compare" -device "$LAVAGRAD_DEVICE" ${PYTHON:+-python "$PYTHON"} -json ${ARGS:-} || status=1 ;;
	bench) "$here/bench.test" -test.run - -test.bench . || status=1 ;;
	*) echo "run.sh: unknown part $part" >&2; exit 2 ;;
	esac
done
exit $status
EOF
chmod +x "$out/run.sh"
echo "gpu.sh: $out, $(du -sm "$out" | cut -f1) MB"
