sim_SOURCES := disk.c net.c node.c queue.c sim.c store.c trace.c
sim_DEPENDS := env
