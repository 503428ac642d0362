os_SOURCES := disk.c files.c helpers.c loop.c net.c os.c resolve.c rng.c trace.c
os_DEPENDS := env
os_TEST_LIB := test/lib/heap_count.c
