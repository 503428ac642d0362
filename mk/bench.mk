# make bench: Samsa beside Apache Kafka and a null broker, as ratios of one run (bench/README.md).

BENCH_FLAGS := -std=gnu11 -D_GNU_SOURCE -Isrc -O2 -g -Wall -Wextra
bench-programs: $(BUILD)/bench/null_broker $(BUILD)/bench/load
$(BUILD)/bench/%: bench/%.c $(BUILD)/libbase.a
	@mkdir -p $(@D)
	@$(CC) $(BENCH_FLAGS) -o $@ $< $(BUILD)/libbase.a -lisal

.PHONY: bench-programs
