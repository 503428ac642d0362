#!/bin/sh
# The name by which a Kafka distribution has it; environment variables of the JVM are ignored.
here=$(readlink -f "$0") && exec "${here%/*}/../samsa" e2e-latency "$@"
