"""A link that delays: frames go by way of a process that holds each for the same time. Where the kernel has netem that
would do it; this needs /dev/net/tun and packet sockets alone."""

import collections
import fcntl
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
import time

TUNSETIFF = 0x400454CA
TUNSETVNETHDRSZ = 0x400454D8
TUNSETOFFLOAD = 0x400454D0
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
TUN_F_CSUM, TUN_F_TSO4, TUN_F_TSO6 = 0x01, 0x02, 0x04
SOL_PACKET, PACKET_VNET_HDR, PACKET_OUTGOING = 263, 15, 4
ETH_P_ALL = 0x0003
HEADER = 10  # of struct virtio_net_hdr: frames that the network card was to cut or sum keep that order
LARGEST = HEADER + 65536 + 64


def why_not():
    return "" if os.path.exists("/dev/net/tun") else "a slow link needs /dev/net/tun (or netem)"


class Relay:
    """Takes the link out of the bridge and puts a process between them, until it is closed: one of its own, which waits
    for no thread of the tests."""

    def __init__(self, link, bridge, seconds):
        self.link, self.bridge = link, bridge
        self.process = subprocess.Popen(
            [sys.executable, "-B", __file__, link, bridge, str(seconds)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout.readline() == "ready\n", f"no relay for {link}"

    def close(self):
        self.process.terminate()
        assert self.process.wait() == -signal.SIGTERM, f"the relay for {self.link} failed"
        self.process.stdout.close()
        subprocess.run(["ip", "link", "set", self.link, "promisc", "off"], check=True)
        subprocess.run(["ip", "link", "set", self.link, "master", self.bridge], check=True)


class Delay:
    """What the process does."""

    def __init__(self, link, bridge, seconds):
        self.seconds = seconds
        self.tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        name = f"{link}t"[-15:]
        flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR
        fcntl.ioctl(self.tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
        fcntl.ioctl(self.tap, TUNSETVNETHDRSZ, struct.pack("i", HEADER))
        fcntl.ioctl(self.tap, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)
        self.packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.packets.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self.packets.setblocking(False)
        self.packets.bind((link, ETH_P_ALL))
        subprocess.run(["ip", "link", "set", link, "nomaster"], check=True)
        subprocess.run(["ip", "link", "set", link, "promisc", "on"], check=True)
        subprocess.run(["ip", "link", "set", name, "master", bridge, "up"], check=True)
        self.waiting = collections.deque()  # (when, write, frame)

    def from_link(self):
        frame, (_, _, kind, *_) = self.packets.recvfrom(LARGEST)
        return None if kind == PACKET_OUTGOING else frame

    def run(self):
        with selectors.DefaultSelector() as selector:
            selector.register(self.packets, selectors.EVENT_READ, (self.from_link, self.to_bridge))
            selector.register(self.tap, selectors.EVENT_READ, (lambda: os.read(self.tap, LARGEST), self.packets.send))
            while True:
                rest = self.waiting[0][0] - time.monotonic() if self.waiting else 0.1
                for key, _ in selector.select(max(0.0, min(rest, 0.1))):
                    read, write = key.data
                    if frame := read():
                        self.waiting.append((time.monotonic() + self.seconds, write, frame))
                self.pass_on()

    def to_bridge(self, frame):
        os.write(self.tap, frame)

    def pass_on(self):
        while self.waiting and self.waiting[0][0] <= time.monotonic():
            _, write, frame = self.waiting.popleft()
            try:
                write(frame)
            except OSError:
                pass  # a full queue: the frame is lost, as on any network


if __name__ == "__main__":
    delay = Delay(sys.argv[1], sys.argv[2], float(sys.argv[3]))
    print("ready", flush=True)
    delay.run()
