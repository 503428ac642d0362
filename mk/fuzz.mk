# libFuzzer targets, test/fuzz/NAME_fuzz.c, under ASan and UBSan. Each links the row of its module,
# NAME_FUZZ_MODULE (protocol if not said). `make fuzz` runs long, `make fuzz-short` for CI.

CFLAGS_fuzz := -O1 -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined \
               -fno-omit-frame-pointer
FUZZ_SECONDS ?= 3600
FUZZ_SHORT_SECONDS ?= 15
FUZZERS := $(patsubst test/fuzz/%_fuzz.c,%,$(wildcard test/fuzz/*_fuzz.c))
fuzz_module = $(or $($1_FUZZ_MODULE),protocol)

define fuzz_rules
$(BUILD)/fuzz/$(1): test/fuzz/$(1)_fuzz.c test/lib/random_message.c $(call row_archives,$(call fuzz_module,$(1)))
	@mkdir -p $$(@D)
	@$$(CC) $$(CFLAGS) -Itest/lib -fsanitize=fuzzer -o $$@ $$(filter %.c %.a,$$^) $$(LDFLAGS) $(call row_libs,$(call fuzz_module,$(1)))
endef
$(foreach f,$(FUZZERS),$(eval $(call fuzz_rules,$f)))

$(BUILD)/fuzz/seeds: test/fuzz/seeds.c test/lib/random_message.c $(call row_archives,protocol)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -Itest/lib -o $@ $(filter %.c %.a,$^) $(LDFLAGS) $(call row_libs,protocol)

fuzz-binaries: $(addprefix $(BUILD)/fuzz/,$(FUZZERS) seeds)

fuzz:
	@$(MAKE) --no-print-directory MODE=fuzz COMPILER=clang fuzz-binaries
	@test/fuzz/run build/fuzz/fuzz $(FUZZ_SECONDS) $(FUZZERS)
fuzz-short:
	@$(MAKE) --no-print-directory MODE=fuzz COMPILER=clang fuzz-binaries
	@test/fuzz/run build/fuzz/fuzz $(FUZZ_SHORT_SECONDS) $(FUZZERS)

.PHONY: fuzz fuzz-short fuzz-binaries
