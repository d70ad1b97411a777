# SPDX-License-Identifier: Apache-2.0
"""Traffic of many protocols: real conversations between the kernels of two namespaces, and frames made
by hand for what they do not speak (tags, labels, tunnels, IPv6 extension headers).

`python3 traffic.py talk` and `python3 traffic.py send FILE` run in the sender's namespace.
"""

import socket
import struct
import sys
import threading

NIC = "gen0"
OURS, PEER = ("10.77.0.1", "fd77::1"), ("10.77.0.2", "fd77::2") # sender, receiver
TALK_PORTS = (8077, 5377)
HOSTS = [f"10.1.{i // 16}.{i % 16 + 1}" for i in range(64)]
HOSTS6 = [f"2001:db8::{i:x}" for i in range(1, 65)]
PORTS = [22, 53, 80, 123, 443, 514, 4789, 5060, 8080] + list(range(33000, 33032))
SIZES = [0, 1, 20, 64, 200, 512, 1000, 1400, 1460, 4000, 8900]
ETHER_MAX = 9014 # of an interface whose MTU is 9000; each tag that the kernel knows is 4 more


# --- frames made by hand: each layer takes what it carries ---

def mac(number):
    return b"\x02\x00\x00\x00" + struct.pack(">H", number)


def ether(kind, payload, source=1, target=2):
    return mac(target) + mac(source) + struct.pack(">H", kind) + payload


def ipv4(source, target, protocol, payload, identity=0, fragment=0, options=b""):
    words = 5 + len(options) // 4
    return struct.pack(">BBHHHBBH", 0x40 | words, 0, 4 * words + len(payload), identity, fragment, 64, protocol,
                       0) + socket.inet_aton(source) + socket.inet_aton(target) + options + payload


def ipv6(source, target, protocol, payload):
    return struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64) + \
        socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, target) + payload


def extension(following, words=0):
    return bytes([following, words]) + bytes(6 + 8 * words)


def udp(source, target, payload):
    return struct.pack(">HHHH", source, target, 8 + len(payload), 0) + payload


def tcp(source, target, payload, flags=0x18):
    return struct.pack(">HHIIBBHHH", source, target, 1, 1, 5 << 4, flags, 4096, 0, 0) + payload


def sctp(source, target, payload):
    return struct.pack(">HHII", source, target, 7, 0) + b"\x00\x03" + struct.pack(">HI", 8 + len(payload), 1) + payload


class Session:
    """A conversation of two ends: its packets are alike, but go both ways."""

    def __init__(self, dice):
        self.dice = dice
        self.is6 = dice.random() < 0.4
        self.ends = dice.sample(HOSTS6 if self.is6 else HOSTS, 2)
        self.ports = [dice.choice(PORTS), dice.choice(PORTS)]
        self.payload = dice.choice([tcp, tcp, udp, udp, udp, sctp])
        self.protocol = {tcp: 6, udp: 17, sctp: 132}[self.payload]
        self.wrap = dice.choice([self.plain, self.plain, self.vlan, self.qinq, self.mpls, self.gre, self.vxlan,
                                 self.ipip, self.pppoe, self.erspan_like])
        self.make = dice.choice([self.segment, self.segment, self.extended if self.is6 else self.options,
                                 self.fragments, self.icmp])
        self.left = dice.randrange(4, 60)

    def packets(self):
        turn = self.dice.random() < 0.5
        self.source, self.target = self.ends[::-1] if turn else self.ends
        self.port, self.peer = self.ports[::-1] if turn else self.ports
        self.left -= 1
        return [frame for inner in self.make() if len(frame := self.wrap(inner)) <= ETHER_MAX]

    def data(self):
        size = self.dice.choice(SIZES)
        return self.dice.randbytes(min(size, 64)) + bytes(max(0, size - 64))

    def ip(self, protocol, payload, **more):
        return ipv6(self.source, self.target, protocol, payload) if self.is6 else \
            ipv4(self.source, self.target, protocol, payload, **more)

    def segment(self):
        return [self.ip(self.protocol, self.payload(self.port, self.peer, self.data()))]

    def options(self):
        return [self.ip(self.protocol, self.payload(self.port, self.peer, self.data()), options=b"\x01" * 8)]

    def extended(self):
        chain = self.dice.sample([0, 43, 60], self.dice.randrange(1, 4))
        body, following = self.payload(self.port, self.peer, self.data()), self.protocol
        for kind in chain:
            body, following = extension(following, self.dice.randrange(3)) + body, kind
        return [self.ip(following, body)]

    def fragments(self):
        body = self.payload(self.port, self.peer, bytes(3000))
        identity = self.dice.randrange(1 << 16)
        cuts = [body[i:i + 1024] for i in range(0, len(body), 1024)]
        found = []
        for i, part in enumerate(cuts):
            more = i + 1 < len(cuts)
            if self.is6:
                head = struct.pack(">BBHI", self.protocol, 0, i * 1024 | more, identity)
                found.append(self.ip(44, head + part))
            else:
                found.append(self.ip(self.protocol, part, identity=identity, fragment=i * 128 | more << 13))
        return found

    def icmp(self):
        kind = self.dice.choice([128, 129, 1] if self.is6 else [0, 8, 3, 11])
        body = bytes([kind, 0, 0, 0]) + bytes(4) + self.segment()[0][:64]
        return [self.ip(58 if self.is6 else 1, body)]

    def kind(self):
        return 0x86dd if self.is6 else 0x0800

    def plain(self, inner):
        return ether(self.kind(), inner)

    def vlan(self, inner):
        return ether(0x8100, struct.pack(">HH", 100, self.kind()) + inner)

    def qinq(self, inner):
        return ether(0x88a8, struct.pack(">HHHH", 200, 0x8100, 300, self.kind()) + inner)

    def mpls(self, inner):
        return ether(0x8847, struct.pack(">II", 1000 << 12 | 64, 1001 << 12 | 1 << 8 | 64) + inner)

    def gre(self, inner):
        return ether(0x0800, ipv4("192.0.2.1", "192.0.2.2", 47, struct.pack(">HH", 0, self.kind()) + inner))

    def erspan_like(self, inner):
        return ether(0x86dd, ipv6("2001:db8:ffff::1", "2001:db8:ffff::2", 47,
                                  struct.pack(">HH", 0, 0x6558) + self.plain(inner)))

    def vxlan(self, inner):
        head = struct.pack(">II", 0x08000000, 7 << 8)
        return ether(0x0800, ipv4("192.0.2.1", "192.0.2.2", 17, udp(50000, 4789, head + self.plain(inner))))

    def ipip(self, inner):
        return ether(0x0800, ipv4("192.0.2.3", "192.0.2.4", 41 if self.is6 else 4, inner))

    def pppoe(self, inner):
        return ether(0x8864, struct.pack(">BBHHH", 0x11, 0, 9, 2 + len(inner), 0x57 if self.is6 else 0x21) + inner)


def other(dice):
    """What is no conversation: ARP, LLDP-like, a runt of an IP packet."""
    a, b = (socket.inet_aton(host) for host in dice.sample(HOSTS, 2))
    return dice.choice([
        ether(0x0806, struct.pack(">HHBBH", 1, 0x0800, 6, 4, dice.choice([1, 2])) + mac(1) + a + mac(2) + b),
        ether(0x88cc, b"\x02\x07\x04" + mac(3) + bytes(40)),
        ether(60, b"\x42\x42\x03" + bytes(57)),
        ether(0x0800, ipv4(HOSTS[0], HOSTS[1], 6, b"")[:dice.randrange(20)] + bytes(26)),
    ])


def frames(dice, count):
    """About so many frames: a few sessions at a time, so that a host is in a part of them only."""
    found, sessions = [], []
    while len(found) < count:
        sessions = [session for session in sessions if session.left]
        while len(sessions) < 4:
            sessions.append(Session(dice))
        found += dice.choice(sessions).packets()
        if dice.random() < 0.02:
            found.append(other(dice))
    return found


def save(path, found):
    with open(path, "wb") as out:
        for frame in found:
            out.write(struct.pack("<H", len(frame)) + frame)


def send(path):
    with open(path, "rb") as file, socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((NIC, 0))
        while head := file.read(2):
            raw.send(file.read(struct.unpack("<H", head)[0]))


# --- what the kernels say to each other ---

def listen():
    """In the receiver's namespace: echoes of TCP and UDP. Returns the sockets."""
    made = []
    for family, address in zip((socket.AF_INET, socket.AF_INET6), PEER):
        stream = socket.socket(family, socket.SOCK_STREAM)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stream.bind((address, TALK_PORTS[0]))
        stream.listen()
        datagram = socket.socket(family, socket.SOCK_DGRAM)
        datagram.bind((address, TALK_PORTS[1]))
        threading.Thread(target=echo_stream, args=(stream,), daemon=True).start()
        threading.Thread(target=echo_datagram, args=(datagram,), daemon=True).start()
        made += [stream, datagram]
    return made


def echo_stream(listener):
    try:
        while True:
            peer = listener.accept()[0]
            while data := peer.recv(1 << 16):
                peer.sendall(data)
            peer.close()
    except OSError:
        pass # the test is over


def echo_datagram(datagram):
    try:
        while True:
            datagram.sendto(*datagram.recvfrom(1 << 16))
    except OSError:
        pass # the test is over


def read_all(stream, size):
    while size > 0:
        size -= len(stream.recv(size)) or size


def talk():
    for family, address in zip((socket.AF_INET, socket.AF_INET6), PEER):
        with socket.create_connection((address, TALK_PORTS[0]), 20) as stream:
            for size in (1, 100, 60_000, 300_000):
                stream.sendall(bytes(size))
                read_all(stream, size)
        with socket.socket(family, socket.SOCK_DGRAM) as datagram:
            datagram.settimeout(20)
            for size in (0, 1, 1400, 8900, 20_000, 60_000): # whole, jumbo, in fragments
                datagram.sendto(bytes(size), (address, TALK_PORTS[1]))
                datagram.recvfrom(1 << 16)
            for port in range(9000, 9005): # nobody listens: ICMP
                datagram.sendto(b"?", (address, port))
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as datagram:
        datagram.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_HOPOPTS, bytes(2) + b"\x01\x04" + bytes(4))
        datagram.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, bytes(2) + b"\x01\x04" + bytes(4))
        for size in (10, 1000, 20_000):
            datagram.sendto(bytes(size), (PEER[1], TALK_PORTS[1]))


if __name__ == "__main__":
    talk() if sys.argv[1] == "talk" else send(sys.argv[2])
