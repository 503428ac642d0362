# The simulated cluster (test/sim/README.md). Its build carries marks and mutants, so it is a mode
# of its own.
#
#   make sim SEED=N [V=1]        one run, with the short log
#   make sim PLAN=FILE [V=1]     one plan
#   make sims SEEDS=N [FIRST=N]  so many runs
#   make sim-shrink SEED=N       a smaller plan that fails as the seed does
#   make sim-mutants             every planted defect must be noticed
#   make sim-suite               what CI runs: one seed twice, the kept seeds, the standing ones
#   make sim-fresh               seeds drawn from the commit, for SIM_SECONDS and SIM_LEAST of them
#   make soak                    fresh seeds until stopped

CFLAGS_sim := -O2 -fno-omit-frame-pointer -DSAMSA_SIM
SIM := build/sim/test/sim/sim
SIM_SOURCES := $(sort $(wildcard test/sim/*.c))
SIM_SECONDS ?= 245
SIM_LEAST ?= 300
SIM_FIRST = $(shell git rev-parse --short=12 HEAD 2>/dev/null | tr a-f 1-6 | sed 's/^0*//')
SEED ?= 1
SEEDS ?= 50

ifeq ($(MODE),sim)
SIM_ARCHIVES := $(call row_archives,server) $(call row_archives,sim)
SIM_OBJECTS := $(addprefix $(BUILD)/,$(SIM_SOURCES:.c=.o))
$(BUILD)/test/sim/%.o: test/sim/%.c | $(GENERATED_STAMP)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC $<")
	$(if $(V),,@)$(CC) $(CFLAGS) -c $< -o $@
$(BUILD)/test/sim/sim: $(SIM_OBJECTS) $(SIM_ARCHIVES)
	@$(CC) $(CFLAGS) -o $@ $(SIM_OBJECTS) -Wl,--start-group $(SIM_ARCHIVES) -Wl,--end-group $(LDFLAGS) $(call row_libs,server)
endif

sim-build:
	@$(MAKE) --no-print-directory MODE=sim V= $(SIM)
sim: sim-build
	@$(SIM) $(if $(V),-v) $(if $(PLAN),--plan $(PLAN),$(SEED))
sims: sim-build
	@$(SIM) --seeds $(or $(FIRST),1) $(SEEDS)
sim-shrink: sim-build
	@$(SIM) --shrink $(SEED)
sim-mutants: sim-build
	@$(SIM) --mutants $(MUTANT)
sim-suite: sim-build
	@$(SIM) --twice 1
	@$(SIM) --kept test/sim/seeds
	@$(SIM) --kept test/sim/standing
sim-fresh: sim-build
	@$(SIM) --fresh $(SIM_LEAST) $(SIM_SECONDS) $(SIM_FIRST)
soak: sim-build
	@$(SIM) --soak

.PHONY: sim-build sim sims sim-shrink sim-mutants sim-suite sim-fresh soak
