"""Namespaces for tests of whole clusters: fixed ports that never clash, processes that cannot outlive the
test, and nodes that have an address each, whose connections can be cut. Needs root, and nothing but ip(8)."""
import os
import subprocess
import sys

MARK = "SAMSA_IN_NAMESPACE"
CLIENT = 254  # the host part of the address that the test itself has
NOWHERE = "02:00:00:00:00:99"


def inside_namespaces(main):
    """Runs main() in network, mount and process namespaces of its own, by running this program again."""
    if os.environ.get(MARK):
        return main()
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    hide = "mount -t tmpfs tmpfs /tmp"
    if root.startswith("/tmp/"):  # the checkout stays in sight
        hide = (f"mount --bind '{root}' /mnt && {hide} && mkdir -p '{root}' && mount --bind /mnt '{root}' && "
                f"cd '{root}'")
    script = (f"ip link set lo up && {hide} && mkdir -p /run/netns && "
              "mount -t tmpfs tmpfs /run/netns && exec \"$@\"")
    return subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child",
                           "bash", "-c", script, "bash", sys.executable, *sys.argv],
                          env=dict(os.environ, **{MARK: "1"}), check=False).returncode


def ip(*arguments, check=True):
    done = subprocess.run(["ip", *map(str, arguments)], capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(map(str, arguments))}: {done.stderr}")


class Network:
    """A switch with the test on it and every node on a wire of its own: node n is 10.0.0.n."""
    one = None

    @classmethod
    def shared(cls):
        cls.one = cls.one or cls()
        return cls.one

    def __init__(self):
        self.nodes = []
        ip("link", "add", "switch", "type", "bridge")
        ip("address", "add", f"10.0.0.{CLIENT}/24", "dev", "switch")
        ip("link", "set", "switch", "up")

    @staticmethod
    def address(n):
        return f"10.0.0.{n}"

    @staticmethod
    def command(n, *command):
        """What runs `command` where node n is."""
        return ["ip", "netns", "exec", f"n{n}", *command]

    def add(self, n):
        if n in self.nodes:
            return
        self.nodes.append(n)
        ip("netns", "add", f"n{n}")
        ip("link", "add", f"wire{n}", "type", "veth", "peer", "name", "eth0", "netns", f"n{n}")
        ip("link", "set", f"wire{n}", "master", "switch", "up")
        ip("-n", f"n{n}", "link", "set", "lo", "up")
        ip("-n", f"n{n}", "address", "add", f"{self.address(n)}/24", "dev", "eth0")
        ip("-n", f"n{n}", "link", "set", "eth0", "up")

    def mute(self, a, b):
        """From now on node b receives nothing of what a sends: its packets go to an address that nobody
        has. Nobody is told; what b sends still reaches a."""
        ip("-n", f"n{a}", "neighbour", "replace", self.address(b), "lladdr", NOWHERE, "nud", "permanent", "dev",
           "eth0")

    def cut(self, a, b):
        self.mute(a, b)
        self.mute(b, a)

    def heal(self):
        """Every wire is whole again."""
        for a in self.nodes:
            for b in (*self.nodes, CLIENT):
                ip("-n", f"n{a}", "neighbour", "delete", self.address(b), "dev", "eth0", check=False)
