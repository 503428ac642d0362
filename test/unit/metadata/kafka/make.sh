#!/bin/sh
# make.sh KAFKA_HOME DIRECTORY: has Apache Kafka write a metadata log and a snapshot of it, which
# kafka_log_test.c replays. Two nodes; topics, configurations, users, quotas, ACLs, features, a broker
# that dies, one that stops properly, a reassignment. Uses ports 19092, 19093 and 19192.
set -eu
kafka=$1 dir=$2
here=$(cd "$(dirname "$0")" && pwd)
export KAFKA_HEAP_OPTS="-Xmx320m" KAFKA_JVM_PERFORMANCE_OPTS="-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
rm -rf "$dir"; mkdir -p "$dir"
common="controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=localhost:19093
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
offsets.topic.num.partitions=2
offsets.topic.replication.factor=1
metadata.max.idle.interval.ms=5000
broker.session.timeout.ms=6000"
printf '%s\n' "$common" process.roles=broker,controller node.id=1 broker.rack=a \
    listeners=PLAINTEXT://localhost:19092,CONTROLLER://localhost:19093 log.dirs=$dir/1 \
    metadata.log.max.snapshot.interval.ms=${SNAPSHOT_MS:-30000} >"$dir/1.properties"
printf '%s\n' "$common" process.roles=broker node.id=2 broker.rack=b \
    listeners=PLAINTEXT://localhost:19192 log.dirs=$dir/2a,$dir/2b >"$dir/2.properties"
id=MkU3OEVBNTcwNTJENDM2Qg
"$kafka/bin/kafka-storage.sh" format --standalone -t $id -c "$dir/1.properties" \
    --add-scram 'SCRAM-SHA-256=[name=alice,password=secret]' >/dev/null
"$kafka/bin/kafka-storage.sh" format --no-initial-controllers -t $id -c "$dir/2.properties" >/dev/null
LOG_DIR=$dir/log1 "$kafka/bin/kafka-server-start.sh" "$dir/1.properties" >"$dir/1.out" 2>&1 & one=$!
two=
trap 'kill -9 $one $two 2>/dev/null || true' EXIT
start_two() {
    LOG_DIR=$dir/log2 "$kafka/bin/kafka-server-start.sh" "$dir/2.properties" >>"$dir/2.out" 2>&1 & two=$!
}
start_two
at="--bootstrap-server localhost:19092"
n=0
until "$kafka/bin/kafka-topics.sh" $at --create --topic first --partitions 4 --replication-factor 2 \
    --config retention.ms=1000 >/dev/null 2>&1; do n=$((n + 1)); [ $n -lt 12 ]; sleep 2; done
"$kafka/bin/kafka-topics.sh" $at --create --topic second --replica-assignment 1:2,2:1,2 >/dev/null 2>&1 || true
"$kafka/bin/kafka-topics.sh" $at --create --topic gone --partitions 3 >/dev/null
"$kafka/bin/kafka-topics.sh" $at --delete --topic gone
"$kafka/bin/kafka-topics.sh" $at --alter --topic first --partitions 6
"$kafka/bin/kafka-configs.sh" $at --alter --entity-type topics --entity-name first \
    --add-config cleanup.policy=compact >/dev/null
"$kafka/bin/kafka-configs.sh" $at --alter --entity-type users --entity-name bob \
    --add-config 'SCRAM-SHA-512=[password=secret]' >/dev/null
"$kafka/bin/kafka-configs.sh" $at --alter --entity-type clients --entity-default \
    --add-config producer_byte_rate=1000 >/dev/null
"$kafka/bin/kafka-acls.sh" $at --add --allow-principal User:bob --operation Read --topic first >/dev/null
kill -9 $two; wait $two 2>/dev/null || true; sleep 8
start_two; sleep 9
"$kafka/bin/kafka-leader-election.sh" $at --election-type preferred --all-topic-partitions >/dev/null
printf '{"version":1,"partitions":[{"topic":"first","partition":0,"replicas":[2]}]}' >"$dir/move.json"
"$kafka/bin/kafka-reassign-partitions.sh" $at --execute --reassignment-json-file "$dir/move.json" >/dev/null
"$kafka/bin/kafka-features.sh" $at downgrade --feature share.version=0 >/dev/null
kill $two; wait $two 2>/dev/null || true
sleep 6
kill $one; wait $one 2>/dev/null || true
trap - EXIT
cp "$dir/1/__cluster_metadata-0/00000000000000000000.log" "$here/metadata.log"
for file in "$dir"/1/__cluster_metadata-0/*-0000000001.checkpoint; do
    end=$(basename "$file" | sed 's/^0*//; s/-.*//')
    cp "$file" "$here/snapshot-$end" # kafka_log_test.c names their ends
done
chmod u+w "$here"/*
