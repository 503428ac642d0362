# make bench: Samsa beside Apache Kafka and a null broker, as ratios of one run (bench/README.md).

BENCH_FLAGS := -std=gnu11 -D_GNU_SOURCE -Isrc -O2 -g -Wall -Wextra
bench-programs: $(BUILD)/bench/null_broker $(BUILD)/bench/load $(BUILD)/bench/probe $(BUILD)/bench/controller
$(BUILD)/bench/%: bench/%.c $(BUILD)/libbase.a
	@mkdir -p $(@D)
	@$(CC) $(BENCH_FLAGS) -o $@ $< $(BUILD)/libbase.a -lisal $(if $(filter probe,$*),-lrdkafka -pthread)

# A controller of many partitions whose brokers are simulated: one program, nothing beside it.
$(BUILD)/bench/controller: bench/controller.c bench/controller_cluster.c bench/controller_cluster.h test/lib/hand_env.h \
  $(GENERATED_STAMP) $(call row_archives,controller)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -Ibench -Itest/lib -o $@ $(filter %.c %.a,$^) $(LDFLAGS) $(call row_libs,controller)

BENCH ?= --rounds 3
bench: build-packages bench-programs samsa
	@test/interop/apache-kafka 4.3.1 build/kafka-4.3.1
	@bench/run.py --kafka build/kafka-4.3.1 $(BENCH)

BENCH_FAILOVER ?= --rounds 3
bench-failover: build-packages bench-programs samsa
	@test/interop/apache-kafka 4.3.1 build/kafka-4.3.1
	@bench/failover.py --kafka build/kafka-4.3.1 $(BENCH_FAILOVER)

BENCH_CONTROLLER ?=
bench-controller: build-packages
	@$(MAKE) --no-print-directory $(BUILD)/bench/controller
	@$(BUILD)/bench/controller $(BENCH_CONTROLLER)

.PHONY: bench bench-failover bench-controller bench-programs
