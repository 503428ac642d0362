"""Namespaces for tests of whole clusters: fixed ports that never clash, processes that cannot outlive the
test, and nodes that have an address each, whose connections can be cut. Needs root, and nothing but ip(8)."""
import os
import subprocess
import sys

MARK = "SAMSA_IN_NAMESPACE"


def inside_namespaces(main):
    """Runs main() in network, mount and process namespaces of its own, by running this program again."""
    if os.environ.get(MARK):
        return main()
    script = "ip link set lo up && mount -t tmpfs tmpfs /tmp && exec \"$@\""
    return subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child",
                           "bash", "-c", script, "bash", sys.executable, *sys.argv],
                          env=dict(os.environ, **{MARK: "1"}), check=False).returncode
