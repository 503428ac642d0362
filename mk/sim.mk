# make sim SEED=…: one simulated run; make sims SEEDS=N: the seeds that once
# failed (test/sim/seeds), then N fresh ones, or those from FIRST on.

SIM_OBJECTS_ROW := $(call row_archives,server) $(call row_archives,sim)
$(BUILD)/test/sim/sim: test/sim/sim.c test/lib/sim_cluster.c test/lib/sim_cluster.h $(SIM_OBJECTS_ROW)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -Itest/lib -o $@ test/sim/sim.c test/lib/sim_cluster.c -Wl,--start-group $(SIM_OBJECTS_ROW) -Wl,--end-group $(LDFLAGS) $(call row_libs,server)

SEED ?= 1
SEEDS ?= 50
sim: $(BUILD)/test/sim/sim
	@$< $(SEED)

sims: $(BUILD)/test/sim/sim
	@for seed in $$(sed 's/#.*//' test/sim/seeds); do $< $$seed || exit 1; done
	@first=$(or $(FIRST),$$(date +%s%N | cut -c1-13)000); $< $$first $$((first + $(SEEDS)))

.PHONY: sim sims
