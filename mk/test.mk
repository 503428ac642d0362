# make test: everything, ending in `N passed, N failed`. Suites and what they need: test/suites.

TEST_PACKAGES := libcmocka-dev clang clang-format libclang-rt-14-dev default-jdk-headless maven kcat \
                 python3-venv nodejs npm golang-go procps iproute2

test: build-packages
	@tools/install-packages $(TEST_PACKAGES) || true
	@$(PYTHON) test/run.py

.PHONY: test
