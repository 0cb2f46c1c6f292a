"""The other side of bench/compare: runs a workload in PyTorch or JAX.

python3 main.py PEER DEVICE THREADS, with PEER torch, torch.compile or jax and DEVICE cpu or cuda. One JSON object a line comes
in on stdin and one goes out on stdout for each. Exit status 3: the peer is not installed.
"""

import json
import os
import sys
import time


def read(entry):
    """The numbers of an input, as a flat buffer, and its shape."""
    with open(entry["file"], "rb") as f:
        return f.read(), entry["dtype"], entry["shape"]


def serve(backend, requests, reply):
    work = None
    for line in requests:
        r = json.loads(line)
        if r["cmd"] == "load":
            work = None  # frees the last one's memory first
            work = backend.load(r, [read(a) for a in r["arrays"]])
            reply({"ok": True})
        elif r["cmd"] == "check":  # the results, one after the other, as float32
            sizes = []
            with open(r["file"], "wb") as f:
                for leaf in backend.results(work):
                    sizes.append(leaf.size)
                    f.write(leaf.tobytes())
            reply({"sizes": sizes})
        elif r["cmd"] == "series":  # runs for about so many milliseconds, at least one
            times, end = [], time.perf_counter() + r["ms"] / 1e3
            while not times or time.perf_counter() < end:
                t0 = time.perf_counter()
                out = backend.run(work)
                times.append((time.perf_counter() - t0) * 1e3)
                del out
            reply({"ms": times})


def main():
    peer, device, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    # What libraries print must not get between the replies.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def reply(message):
        out.write(json.dumps(message) + "\n")
        out.flush()

    try:
        if peer == "jax":
            import with_jax

            backend = with_jax.Backend(device, threads)
        else:
            import with_torch

            backend = with_torch.Backend(device, threads, compiled=peer == "torch.compile")
    except ImportError as e:
        print(f"{peer}: {e}", file=sys.stderr)
        sys.exit(3)
    reply({"peer": backend.name, "version": backend.version})
    try:
        serve(backend, sys.stdin, reply)
    except Exception as e:  # the other side prints it with the workload's name
        reply({"error": f"{type(e).__name__}: {e}"[:2000]})
        raise


main()
