# make sim SEED=…: one simulated run; make sims SEEDS=N: N fresh ones.

SIM_OBJECTS_ROW := $(call row_archives,server) $(call row_archives,sim)
$(BUILD)/test/sim/sim: test/sim/sim.c test/lib/sim_cluster.c test/lib/sim_cluster.h $(SIM_OBJECTS_ROW)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -Itest/lib -o $@ test/sim/sim.c test/lib/sim_cluster.c -Wl,--start-group $(SIM_OBJECTS_ROW) -Wl,--end-group $(LDFLAGS) $(call row_libs,server)

SEED ?= 1
SEEDS ?= 50
sim: $(BUILD)/test/sim/sim
	@$< $(SEED)

sims: $(BUILD)/test/sim/sim
	@first=$$(date +%s%N | cut -c1-13)000; $< $$first $$((first + $(SEEDS)))

.PHONY: sim sims
