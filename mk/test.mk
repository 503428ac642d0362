# make test: everything, ending in `N passed, N failed`. Suites and what they need: test/suites.

TEST_PACKAGES := libcmocka-dev clang:clang clang-format:clang-format-14 libclang-rt-14-dev \
                 java:default-jdk-headless mvn:maven kcat:kcat python3-venv node:nodejs npm:npm go:golang-go \
                 ps:procps ip:iproute2

test: build-packages
	@tools/install-packages $(TEST_PACKAGES) || true
	@$(PYTHON) test/run.py

.PHONY: test
