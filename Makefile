# Samsa's build. `make run` serves, `make test` tests everything; CONTRIBUTING.md explains the rest.
#
# Modules are folders under src/ with a sources.mk of their own:
#   M_SOURCES  its files        M_DEPENDS  modules it links to (transitively closed; see `layers`)
#   M_LIBS     system libraries M_ALLOW    files that may call what env/banned.h forbids
# Each becomes build/<mode>/lib<M>.a. A unit test test/unit/<M>/<noun>_test.c links that row only.

MAKEFLAGS += --no-builtin-rules
MODE ?= release
BUILD := build/$(MODE)
GEN := build/gen
CCACHE := $(shell command -v ccache 2>/dev/null)
CC := $(CCACHE) $(if $(filter clang,$(COMPILER) $(MODE)),clang,gcc)
PYTHON ?= python3

WARN := -Wall -Wextra -Wconversion -Wshadow -Werror -Wno-missing-field-initializers
COMMON := -std=gnu11 -D_GNU_SOURCE -Isrc -I$(GEN) -g -pthread $(WARN) -MMD -MP
CFLAGS_release := -O2 -fno-omit-frame-pointer
CFLAGS_clang := -O0 # what clang warns of, and nothing else
CFLAGS_asan := -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
CFLAGS_tsan := -O1 -fsanitize=thread -fno-omit-frame-pointer
CFLAGS += $(COMMON) $(CFLAGS_$(MODE)) $(EXTRA_CFLAGS)
LDFLAGS += -pthread $(filter -fsanitize=%,$(CFLAGS_$(MODE)))

MODULES := base env os sim protocol config rpc history detector log raft rsm metadata controller replica group quorum \
           broker server cli
dir_os := env/os
dir_sim := env/sim
dir_of = $(or $(dir_$(1)),$(1))
MODULES := $(foreach m,$(MODULES),$(if $(wildcard src/$(call dir_of,$m)/sources.mk),$m))

all: samsa

include $(foreach m,$(MODULES),src/$(call dir_of,$m)/sources.mk)

# closure of M_DEPENDS, dependents first
uniq = $(if $1,$(firstword $1) $(call uniq,$(filter-out $(firstword $1),$1)))
reverse = $(if $1,$(call reverse,$(wordlist 2,$(words $1),$1)) $(firstword $1))
closure = $1 $(foreach d,$($1_DEPENDS),$(call closure,$d))
# keep the last mention of each, so that archives come in link order
row = $(call reverse,$(call uniq,$(call reverse,$(call closure,$1))))
row_present = $(foreach m,$(call row,$1),$(if $(filter $m,$(MODULES)),$m))
row_archives = $(foreach m,$(call row_present,$1),$(BUILD)/lib$m.a)
row_libs = $(call uniq,$(foreach m,$(call row_present,$1),$($m_LIBS)))

define module_rules
$(1)_DIR := src/$(call dir_of,$(1))
$(1)_OBJECTS := $$(addprefix $(BUILD)/$$($(1)_DIR)/,$$($(1)_SOURCES:.c=.o)) \
                $$(addprefix $(BUILD)/gen/,$$($(1)_GENERATED:.c=.o))
$(BUILD)/lib$(1).a: $$($(1)_OBJECTS)
	@mkdir -p $$(@D)
	@rm -f $$@
	@ar rcs $$@ $$^
endef
$(foreach m,$(MODULES),$(eval $(call module_rules,$m)))

# Files that may call the outside world: env/os whole, and each module's M_ALLOW.
ALLOWED := $(foreach m,$(MODULES),$(addprefix src/$(call dir_of,$m)/,$($m_ALLOW)))
banned = $(if $(or $(filter $(ALLOWED),$1),$(filter src/env/os/%,$1)),,-include env/banned.h)

$(BUILD)/src/%.o: src/%.c | $(GENERATED_STAMP)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC $<")
	$(if $(V),,@)$(CC) $(CFLAGS) $(call banned,$<) -c $< -o $@

$(BUILD)/gen/%.o: $(GEN)/%.c | $(GENERATED_STAMP)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -c $< -o $@

# ---- the program: one binary, whose name or first argument says which tool it is
samsa: $(BUILD)/samsa
	@install -m 755 $(BUILD)/samsa samsa
# Linked in, as far as gcc's own packages allow: to find them again costs every command and every start
# a third of its time. Shared are libisal (it has no archive), libsnappy (C++) and what librdkafka adds.
PROGRAM_SHARED := -lm -lisal -lsnappy
program_libs = -Wl,-Bstatic $(filter-out $(PROGRAM_SHARED),$(call row_libs,cli)) -lssl -lcrypto -lz -llz4 -lzstd \
               -Wl,-Bdynamic $(PROGRAM_SHARED) -l:libsasl2.so.2
$(BUILD)/samsa: $(if $(filter cli,$(MODULES)),$(call row_archives,cli))
ifneq ($(filter cli,$(MODULES)),)
	$(CC) $(CFLAGS) -o $@ -Wl,--whole-archive $(BUILD)/libcli.a -Wl,--no-whole-archive $^ $(LDFLAGS) $(program_libs)
else
	@mkdir -p $(@D); touch $@
endif

# ---- unit tests
UNIT_SOURCES := $(sort $(wildcard test/unit/*/*_test.c))
unit_module = $(word 3,$(subst /, ,$1))
define unit_rules
$(BUILD)/$(1:.c=): $(1) test/lib/test.c $(GENERATED_STAMP) $$(call row_archives,$(2)) $$($(2)_TEST_LIB) $$(if $$($(2)_TEST_DEPENDS),$$(foreach m,$$($(2)_TEST_DEPENDS),$$(call row_archives,$$m)))
	@mkdir -p $$(@D)
	$$(if $$(V),,@echo "  CC $$<")
	$$(if $$(V),,@)$$(CC) $$(CFLAGS) -Itest/lib -o $$@ $(1) test/lib/test.c $$($(2)_TEST_LIB) $$(foreach m,$$($(2)_TEST_DEPENDS),$$(call row_archives,$$m)) $$(call row_archives,$(2)) $$(LDFLAGS) $$(call row_libs,$(2)) $$(foreach m,$$($(2)_TEST_DEPENDS),$$(call row_libs,$$m)) -lcmocka -lm
UNIT_BINARIES += $(BUILD)/$(1:.c=)
UNIT_OF_$(2) += $(BUILD)/$(1:.c=)
endef
$(foreach t,$(UNIT_SOURCES),$(eval $(call unit_rules,$t,$(call unit_module,$t))))
unit: $(UNIT_BINARIES)
	@tools/run-units $^
unit-%:
	@$(MAKE) --no-print-directory unit-module MODULE=$*
unit-module: $(UNIT_OF_$(MODULE))
	@tools/run-units $^

unit-binaries: $(UNIT_BINARIES)

# ---- other build modes of the same targets
clang:
	@$(MAKE) --no-print-directory MODE=clang build/clang/samsa unit-binaries
asan:
	@$(MAKE) --no-print-directory MODE=asan unit
tsan:
	@$(MAKE) --no-print-directory MODE=tsan unit

tidy:
	@$(PYTHON) tools/tidy.py
format:
	@$(PYTHON) tools/tidy.py --format

clean:
	rm -rf build samsa

-include $(wildcard mk/*.mk)
-include $(shell find build -name '*.d' 2>/dev/null)

.PHONY: all unit unit-module unit-binaries clang asan tsan tidy format clean
.DELETE_ON_ERROR:
