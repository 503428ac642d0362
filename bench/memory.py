"""Memory that the host has taken back costs 1-2 CPU s/GB when it is touched again, and whoever writes
to the page cache first pays it: several times what a broker does. So before each measured part as much
memory as it will fill is made warm by a file that goes again; what was freed last is given out first."""
import tempfile

PIECE = bytes(1 << 20)


def warm(size):
    """`size` bytes of page cache, a quarter more for what else is needed."""
    with tempfile.TemporaryFile(prefix="samsa-warm-") as f:
        for _ in range(size * 5 // 4 // len(PIECE)):
            f.write(PIECE)
