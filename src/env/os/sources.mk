os_SOURCES := disk.c files.c loop.c net.c os.c resolve.c rng.c sync.c trace.c
os_DEPENDS := env
os_TEST_LIB := test/lib/heap_count.c
