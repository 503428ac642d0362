"""What the figures were made on, in one line of a results page."""
import os


def machine():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        cpu = next((line.split(":")[1].strip() for line in f if line.startswith("model name")), "unknown")
    with open("/proc/sys/net/ipv4/tcp_congestion_control", encoding="ascii") as f:
        control = f.read().strip()
    return (f"{os.cpu_count()} cores of {cpu}, congestion control {control} "
            f"(Samsa and the null broker ask for cubic themselves)")
