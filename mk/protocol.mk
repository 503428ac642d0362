# The protocol against Apache Kafka's published jars: schemas field by field, codecs byte by byte.

SAMPLES := $(BUILD)/test/interop/schemas/samples
SAMPLE_ROUNDS ?= 3
$(SAMPLES): test/interop/schemas/samples.c test/lib/random_message.c $(call row_archives,protocol)
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -Itest/lib -o $@ $(filter %.c %.a,$^) $(LDFLAGS) $(call row_libs,protocol)

schemas:
	@$(PYTHON) test/interop/schemas/compare.py "$$(test/interop/schemas/jars)"

codecs: $(SAMPLES)
	@jars=$$(test/interop/schemas/jars) && $(SAMPLES) $(SAMPLE_ROUNDS) | \
	    java -cp "$$jars/*" test/interop/schemas/CodecOracle.java

.PHONY: schemas codecs
