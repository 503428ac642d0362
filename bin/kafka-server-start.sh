#!/bin/sh
# The name by which a Kafka distribution has it; environment variables of the JVM are ignored.
export LOG_DIR="${LOG_DIR:-$(dirname "$0")/../logs}"
here=$(readlink -f "$0") && exec "${here%/*}/../samsa" server-start "$@"
