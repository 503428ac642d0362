# The simulated cluster (test/sim/README.md). Its build carries marks and mutants, so it is a mode
# of its own.
#
#   make sim SEED=N [V=1]        one run, with the short log
#   make sim PLAN=FILE [V=1]     one plan
#   make sims SEEDS=N [FIRST=N]  so many runs
#   make sim-shrink SEED=N       a smaller plan that fails as the seed does
#                                (these with MUTANT=NAME: as one of the planted defects makes them run)
#   make sim-mutants             every planted defect must be noticed, and a plan made smaller: in CI too
#   make sim-suite               what CI runs: one seed twice, the kept seeds and plans, sim-fresh's
#   make sim-fresh               fresh seeds, for SIM_SECONDS and SIM_LEAST of them
#   make soak                    fresh seeds until stopped

CFLAGS_sim := -O2 -fno-omit-frame-pointer -DSAMSA_SIM
SIM := build/sim/test/sim/sim
SIM_SOURCES := $(sort $(wildcard test/sim/*.c))
SIM_SECONDS ?= 245
SIM_LEAST ?= 300
# The first fresh seed is the hash of what a run is made of, so each state of that has seeds of its own, and the
# same state the same ones, whatever else a commit changes: pages, tools, other tests.
SIM_HASHED := schema test/sim $(filter-out src/cli src/README.md,$(sort $(wildcard src/*)))
SIM_TREE = $(shell (git rev-parse $(SIM_HASHED:%=HEAD:%) 2>/dev/null || \
  find $(SIM_HASHED) -type f | LC_ALL=C sort | xargs cat) | sha1sum)
SIM_FIRST = $(shell printf %d 0x$$(echo $(SIM_TREE) | cut -c1-12))
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
	@$(SIM) $(if $(V),-v) $(if $(MUTANT),-m $(MUTANT)) $(if $(PLAN),--plan $(PLAN),$(SEED))
sims: sim-build
	@$(SIM) --seeds $(or $(FIRST),1) $(SEEDS)
sim-shrink: sim-build
	@$(SIM) $(if $(MUTANT),-m $(MUTANT)) --shrink $(SEED)
sim-mutants: sim-build
	@$(SIM) --mutants $(MUTANT)
sim-suite: sim-build
	@$(SIM) --suite test/sim/seeds $(SIM_LEAST) $(SIM_SECONDS) $(SIM_FIRST)
sim-fresh: sim-build
	@$(SIM) --fresh $(SIM_LEAST) $(SIM_SECONDS) $(SIM_FIRST)
soak: sim-build
	@$(SIM) --soak

.PHONY: sim-build sim sims sim-shrink sim-mutants sim-suite sim-fresh soak
