# make run: build what is missing, format storage if it is not, serve on :9092.

BUILD_PACKAGES := gcc libc6-dev make python3 libisal-dev zlib1g-dev libsnappy-dev liblz4-dev libzstd-dev \
                  librdkafka-dev libjansson-dev libpcre2-dev libssl-dev
CONFIG ?= config/server.properties

build-packages:
	@tools/install-packages $(BUILD_PACKAGES)

run: build-packages
	@$(MAKE) --no-print-directory samsa
	@bin/kafka-storage.sh format --standalone --ignore-formatted \
	    --cluster-id "$$(tools/cluster-id $(CONFIG))" --config $(CONFIG)
	@exec bin/kafka-server-start.sh $(CONFIG)

.PHONY: run build-packages
