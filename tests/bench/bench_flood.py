# SPDX-License-Identifier: Apache-2.0
"""flood_loss: packets missing in the files, as fast as the generator goes, eight ring volumes long, to
disk. rate_loss: the same at fixed rates."""

import measure
from contestants import MIB, Peer, Ringbell, installed, slot_bytes
from network import Traffic, nic_packets

RING_BYTES = 256 * MIB
VOLUMES = 8
SIZES = (64, 512, 1514, "imix")
IMIX = (64,) * 7 + (570,) * 4 + (1514,)
PEERS = ("tcpdump-default", "tcpdump-512", "dumpcap-default", "dumpcap-512", "netsniff-ng",
         "stenotype")
RATES = (150_000, 300_000, 600_000, 900_000)
RATE_PEERS = ("tcpdump-default", "tcpdump", "dumpcap-default", "dumpcap")
RATE_SECONDS = 3
RUN_SECONDS = 11
UNRETIRED = 0.002 # stenotype does not write its last block when it is ended


def packet_count(size):
    sizes = IMIX if size == "imix" else (size,)
    mean = sum(map(slot_bytes, sizes)) / len(sizes)
    return int(VOLUMES * RING_BYTES / mean)


def run_once(context, name, rate, size, count):
    context.settle()
    if name == "ringbell":
        contestant = Ringbell(context.network, context.tools, "write", context.disk,
                              rings={"memory_bytes": RING_BYTES})
    else:
        contestant = Peer(context.network, context.tools, name, context.disk)
    try:
        meter = measure.Meter(contestant.pids())
        arrived = nic_packets()
        meter.start()
        facts = Traffic(context.network, context.tools.gen, rate, size=size, count=count).finish()
        used = meter.stop()
        arrived = nic_packets() - arrived
        contestant.wait_all(int(facts["sent"]) if arrived >= facts["sent"] else arrived)
        captured = contestant.finish()
        run = {"loss": 100 * max(0, 1 - captured / arrived), "pps": facts["pps"],
               "cpu": used["cpu_s"] / (captured / 1e6) if captured else 0,
               "before": 100 * max(0, 1 - arrived / facts["sent"])}
    finally:
        contestant.close()
    context.note(f"  {size} B {name:16} {run['pps']:>9.0f} pps, loss {run['loss']:.3f} %, "
                 f"{run['cpu']:.3f} s/Mpkt")
    return run


def estimate(context):
    sizes = 2 if context.quick else len(SIZES)
    rates = 1 if context.quick else len(RATES)
    return RUN_SECONDS * (sizes * (1 + len(PEERS)) + rates * (1 + len(RATE_PEERS)))


def flood(context):
    for size in (512, "imix") if context.quick else SIZES:
        what = "IMIX" if size == "imix" else f"{size} B"
        context.note(f"flood_loss, {what}")
        runs = {name: run_once(context, name, 0, size, packet_count(size))
                for name in ("ringbell", *installed(PEERS))}
        ours = runs["ringbell"]["loss"]
        context.add("capture", f"flood_loss, {what}", ours, None, None, "%", 0, absolute=True)
        for peer in installed(PEERS):
            context.add("capture", f"flood_loss, {what}", ours, peer, runs[peer]["loss"], "%", None)
        context.detail("capture", f"Flood of {what}, {VOLUMES} ring volumes, to disk", {
            name: {"loss %": run["loss"], "before the tap %": run["before"],
                   "CPU s/Mpkt": run["cpu"], "offered pps": run["pps"]}
            for name, run in runs.items()})


def rates(context):
    names = ("ringbell", *installed(RATE_PEERS))
    loss, cpu = ({name: [] for name in names} for _ in range(2))
    for rate in (600_000,) if context.quick else RATES:
        context.note(f"rate_loss, 512 B {rate // 1000} kpps")
        for name in names:
            run = run_once(context, name, rate, 512, rate * RATE_SECONDS)
            loss[name].append((run["pps"] / 1000, run["loss"]))
            cpu[name].append((run["pps"] / 1000, run["cpu"]))
    for name, of in loss.items():
        peer = None if name == "ringbell" else name
        for (_pps, ours), (pps, value) in zip(loss["ringbell"], of):
            if peer:
                context.add("capture", f"rate_loss, 512 B {pps:.0f} kpps", ours, peer, value, "%",
                            None)
            else:
                context.add("capture", f"rate_loss, 512 B {pps:.0f} kpps", ours, None, None, "%", 0,
                            absolute=True)
    context.lines("capture", "loss", "loss % over offered kpps, 512 B to disk", loss)
    context.lines("capture", "cpu", "CPU s per million packets over offered kpps", cpu)


def bench(context):
    flood(context)
    rates(context)
