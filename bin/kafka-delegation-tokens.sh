#!/bin/sh
# The name by which a Kafka distribution has it; environment variables of the JVM are ignored.
case $0 in */*) here=$0 ;; *) here=./$0 ;; esac
[ ! -h "$here" ] || here=$(readlink -f "$here") # a process only where one is needed
exec "${here%/*}/../samsa" delegation-tokens "$@"
