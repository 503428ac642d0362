"""Commands that are wrong: what each says, and its exit status. They change nothing."""
from comparison import Case

LINES = """
leader-election
leader-election --help
leader-election --bogus
leader-election --bootstrap-server {B}
leader-election --election-type preferred
leader-election --bootstrap-server {B} --election-type bogus --all-topic-partitions
leader-election --bootstrap-server {B} --election-type preferred
leader-election --bootstrap-server {B} --election-type preferred --topic first
leader-election --bootstrap-server {B} --election-type preferred --partition 1 --all-topic-partitions
leader-election --bootstrap-server {B} --election-type preferred --topic t --partition 0 --all-topic-partitions
leader-election --bootstrap-server {B} --election-type preferred --topic first --partition x
leader-election --bootstrap-server {B} --election-type preferred --topic first --partition 99999999999
leader-election --bootstrap-server {B} --election-type preferred --all-topic-partitions --admin.config a --command-config b
leader-election --bootstrap-server {B} --election-type preferred --election-type unclean --all-topic-partitions
leader-election --bootstrap-server {B} --election-type preferred --path-to-json-file {J:}
leader-election --bootstrap-server {B} --election-type preferred --path-to-json-file {J:{}
leader-election --bootstrap-server {B} --election-type preferred --path-to-json-file {J:{"x":1}}
leader-election --bootstrap-server {B} --election-type preferred --path-to-json-file {J:{"partitions":{}}}
leader-election --bootstrap-server {B} --election-type preferred --path-to-json-file {J:{"partitions":[{"topic":"t"}]}}
leader-election --bootstrap-server {B} --election-type preferred --path-to-json-file {J:{"partitions":[{"topic":1,"partition":"x"}]}}
leader-election --bootstrap-server {B} --election-type preferred --path-to-json-file {J:{"partitions":[{"topic":"t","partition":0},{"topic":"t","partition":0}]}}
leader-election --bootstrap-server {B} --election-type preferred --path-to-json-file /nosuch
reassign-partitions
reassign-partitions --bootstrap-server {B}
reassign-partitions --bootstrap-server {B} --list --verify
reassign-partitions --list
reassign-partitions --list --bootstrap-server a --bootstrap-controller b
reassign-partitions --list --bootstrap-server {B} --throttle 5
reassign-partitions --bootstrap-server {B} --generate
reassign-partitions --bootstrap-server {B} --generate --topics-to-move-json-file {J:}
reassign-partitions --bootstrap-controller {C} --generate --topics-to-move-json-file {J:} --broker-list 0
reassign-partitions --bootstrap-server {B} --execute
reassign-partitions --bootstrap-server {B} --execute --reassignment-json-file /nosuch
reassign-partitions --bootstrap-server {B} --execute --throttle x --reassignment-json-file {J:{}}
reassign-partitions --bootstrap-server {B} --execute --reassignment-json-file {J:{"version":1}}
reassign-partitions --bootstrap-server {B} --execute --reassignment-json-file {J:{"version":2}}
reassign-partitions --bootstrap-server {B} --execute --reassignment-json-file {J:{"partitions":[{"topic":"t","partition":0,"replicas":[1,2],"log_dirs":["any"]}]}}
reassign-partitions --bootstrap-server {B} --execute --reassignment-json-file {J:{"partitions":[{"topic":"t","partition":0,"replicas":[1,1]}]}}
reassign-partitions --bootstrap-server {B} --execute --reassignment-json-file {J:{"partitions":[{"topic":"t","partition":0,"replicas":[]}]}}
reassign-partitions --bootstrap-server {B} --execute --reassignment-json-file {J:{"partitions":[{"topic":"t","partition":0,"replicas":["1"]}]}}
reassign-partitions --bootstrap-server {B} --execute --reassignment-json-file {J:{"partitions":[{"topic":"t","partition":0,"replicas":[1]},{"topic":"t","partition":0,"replicas":[1]}]}}
reassign-partitions --bootstrap-server {B} --execute --reassignment-json-file {J:{"partitions":[{"topic":"t","replicas":[1]}]}}
reassign-partitions --bootstrap-server {B} --generate --topics-to-move-json-file {J:{"topics":[]}} --broker-list 1,x
reassign-partitions --bootstrap-server {B} --generate --topics-to-move-json-file {J:{"topics":[]}} --broker-list 1,1
reassign-partitions --bootstrap-server {B} --generate --topics-to-move-json-file {J:{"topics":[{"topic":"t"},{"topic":"t"}]}} --broker-list 1
reassign-partitions --bootstrap-server {B} --generate --topics-to-move-json-file {J:{"topics":[} --broker-list 1
metadata-quorum
metadata-quorum bogus
metadata-quorum describe
metadata-quorum --bootstrap-server {B}
metadata-quorum --bootstrap-server {B} describe
metadata-quorum --bootstrap-server {B} describe --status --replication
metadata-quorum --bootstrap-server {B} describe --status --human-readable
metadata-quorum --bootstrap-server {B} --bootstrap-controller {C} describe --status
metadata-quorum describe --status --bootstrap-server {B}
metadata-quorum --bootstrap-server {B} describe --bogus
metadata-quorum --bootstrap-server {B} --command-config /nosuch describe --status
metadata-quorum --bootstrap-server {B} add-controller
metadata-quorum --bootstrap-server {B} --command-config {J:} add-controller
metadata-quorum --bootstrap-server {B} --command-config {J:node.id=-4} add-controller
metadata-quorum --bootstrap-server {B} --command-config {J:node.id=4\\nprocess.roles=broker} add-controller
metadata-quorum --bootstrap-server {B} --command-config {J:node.id=4\\nprocess.roles=controller} add-controller
metadata-quorum --bootstrap-server {B} --command-config {J:node.id=4\\nprocess.roles=controller\\nlog.dirs=/nosuch} add-controller
metadata-quorum --bootstrap-server {B} --command-config {J:node.id=4\\nprocess.roles=controller\\nlog.dirs={L}} add-controller
metadata-quorum --bootstrap-server {B} --command-config {J:node.id=4\\nprocess.roles=controller\\nlog.dirs={L}\\ncontroller.listener.names=X\\nlisteners=Y://:9} add-controller
metadata-quorum --bootstrap-server {B} remove-controller
metadata-quorum --bootstrap-server {B} remove-controller -i 4
metadata-quorum --bootstrap-server {B} remove-controller -i x -d y
metadata-quorum --bootstrap-server {B} remove-controller -i 99999999999 -d AAAAAAAAAAAAAAAAAAAAAQ
metadata-quorum --bootstrap-server {B} remove-controller -i -4 -d AAAAAAAAAAAAAAAAAAAAAQ
metadata-quorum --bootstrap-server {B} remove-controller -i 4 -d yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy
features
features describe
features bogus
features version-mapping --bogus
features feature-dependencies
features feature-dependencies --feature group.version
features feature-dependencies --feature group.version=x
features feature-dependencies --feature group.version=7
features feature-dependencies --feature nosuch=1
features feature-dependencies --feature metadata.version=99
features --bootstrap-server {B} upgrade
features --bootstrap-server {B} upgrade --feature group.version
features --bootstrap-server {B} upgrade --feature group.version=1 --feature group.version=1
features --bootstrap-server {B} upgrade --release-version 4.3 --feature a=1
features --bootstrap-server {B} downgrade
features --bootstrap-server {B} disable
features --bootstrap-server {B} disable --feature a --feature a
features --bootstrap-server {B} upgrade --feature group.version=0
features --bootstrap-server {B} downgrade --feature group.version=-1
features --bootstrap-server {B} downgrade --feature =1
features --bootstrap-server {B} upgrade --release-version 4.4
features --bootstrap-server {B} upgrade --metadata x
features version-mapping --release-version 3.2
features feature-dependencies --feature metadata.version=31
features --bootstrap-server {B} describe --node-id -4
features --bootstrap-server {B} describe --node-id x
features --bootstrap-server {B} --bootstrap-controller {C} describe
features --bootstrap-controller {C} --bootstrap-server {B} describe
features describe --bootstrap-server {B}
storage random-uuid x
storage info -c {P} x
storage format -c {bootstrap} -t MkU3OEVBNTcwNTJENDM2Qk -s --add-scram SCRAM-SHA-256=[name=a,password=b,iterations=1]
storage format -c {bootstrap} -t MkU3OEVBNTcwNTJENDM2Qk -s --add-scram SCRAM-SHA-256=[name=a,password=b,iterations=x]
storage format -c {bootstrap} -t MkU3OEVBNTcwNTJENDM2Qk -s --add-scram SCRAM-SHA-512=[name=a,password=b,iterations=99999]
storage format -c {bootstrap} -t MkU3OEVBNTcwNTJENDM2Qk -s --add-scram SCRAM-SHA-1=[name=a,password=b]
storage format -c {bootstrap} -t MkU3OEVBNTcwNTJENDM2Qk -s --add-scram SCRAM-SHA-256=[name=a,password=b,salt=x]
storage format -c {bootstrap} -t MkU3OEVBNTcwNTJENDM2Qk -s --add-scram SCRAM-SHA-256=[name=a,password=b,foo=x]
storage format -c {bootstrap} -t MkU3OEVBNTcwNTJENDM2Qk -s --add-scram SCRAM-SHA-256=[name=a,saltedpassword=YCE=]
storage format -c {bootstrap} -t MkU3OEVBNTcwNTJENDM2Qk -s --add-scram SCRAM-SHA-256=[name=a,salt=YCE=]
storage format -c {bootstrap} -t MkU3OEVBNTcwNTJENDM2Qk -s --add-scram SCRAM-SHA-256=[password=a]
storage format -c {bootstrap} -t MkU3OEVBNTcwNTJENDM2Qk -s --add-scram SCRAM-SHA-256=[name]
storage format -c {bootstrap} -t MkU3OEVBNTcwNTJENDM2Qk -s --add-scram SCRAM-SHA-256=x
storage format -c {bootstrap} -t MkU3OEVBNTcwNTJENDM2Qk -s --add-scram SCRAM-SHA-256=[x
storage format -c {bootstrap} -t MkU3OEVBNTcwNTJENDM2Qk -s --release-version x
storage format -c {bootstrap} -t MkU3OEVBNTcwNTJENDM2Qk -s --release-version 3.2
storage format -c {bootstrap} -t MkU3OEVBNTcwNTJENDM2Qk -s --feature group.version=1 --feature group.version=0
storage format -c {bootstrap} -t MkU3OEVBNTcwNTJENDM2Qk -s -I 1@localhost:9093:JEXY6aqzQY-32P5TStzaFg
storage feature-dependencies --feature group.version
storage feature-dependencies --feature group.version=x
storage feature-dependencies --feature group.version=7
storage feature-dependencies --feature nosuch=1
storage feature-dependencies --feature metadata.version=99
cluster
cluster bogus
cluster cluster-id
cluster cluster-id --bootstrap-server {B} --bootstrap-controller {C}
cluster cluster-id --bootstrap-server {B} extra
cluster cluster-id --bootstrap-server {B} --bogus
cluster cluster-id --bootstrap-server {B} --config a --command-config b
cluster list-endpoints --bootstrap-controller {C} --include-fenced-brokers
cluster unregister --bootstrap-server {B}
cluster unregister --bootstrap-server {B} --id x
producer-perf-test --topic t
producer-perf-test --topic t --throughput -1
producer-perf-test --num-records 5 --throughput -1
producer-perf-test --topic t --num-records 5 --throughput -1
producer-perf-test --topic t --num-records 5 --throughput -1 --record-size 5
producer-perf-test --topic t --num-records 5 --throughput -1 --record-size 5 --payload-monotonic --bootstrap-server {B}
producer-perf-test --topic t --num-records 0 --throughput -1 --record-size 5 --bootstrap-server {B}
producer-perf-test --topic t --num-records 5 --throughput -1 --record-size 0 --bootstrap-server {B}
producer-perf-test --topic t --num-records 5 --throughput -1 --record-size 1 --bootstrap-server {B} --warmup-records 5
producer-perf-test --topic t --num-records 5 --throughput x --record-size 1 --bootstrap-server {B}
producer-perf-test --topic t --num-records x --throughput -1 --record-size 1 --bootstrap-server {B}
producer-perf-test --topic t --num-records 5 --throughput -1 --record-size 99999999999 --bootstrap-server {B}
producer-perf-test --topic t --num-records 5 --throughput -1 --record-size x --bootstrap-server {B}
producer-perf-test --topic t --num-records 5 --throughput -1 --payload-monotonic --record-size 5 --bootstrap-server {B}
producer-perf-test --topic t --num-records 5 --throughput -1 --record-size 5 --payload-file x --bootstrap-server {B}
producer-perf-test --topic t --num-records 5 --throughput -1 --record-size 1 --bootstrap-server {B} --reporting-interval 0
producer-perf-test --topic t --num-records 5 --throughput -1 --record-size 1 --bootstrap-server {B} --transaction-duration-ms 0
producer-perf-test --topic t --num-records 5 --throughput -1 --record-size 1 --command-property a
producer-perf-test --topic t --num-records 5 --throughput -1 --record-size 1 --command-property a=1 --producer-props b=2
producer-perf-test --topic t --num-records 5 --throughput -1 --record-size 1 --command-config a --producer.config b
producer-perf-test --topic t --num-records 5 --throughput -1 --payload-file /nosuch --bootstrap-server {B}
consumer-perf-test
consumer-perf-test --topic t
consumer-perf-test --bootstrap-server {B} --num-records 4
consumer-perf-test --bootstrap-server {B} --topic t --include u --num-records 4
consumer-perf-test --bootstrap-server {B} --topic t
consumer-perf-test --bootstrap-server {B} --topic t --num-records 4 --messages 3
consumer-perf-test --bootstrap-server {B} --topic t --num-records x
consumer-perf-test --bootstrap-server {B} --topic t --num-records 1 --reporting-interval 0
consumer-perf-test --bootstrap-server {B} --topic t --num-records 1 --reporting-interval x
consumer-perf-test --bootstrap-server {B} --topic t --num-records 1 --consumer.config a --command-config b
consumer-perf-test --bootstrap-server {B} --topic t --num-records 1 --consumer.config /nosuch
consumer-perf-test --bootstrap-server {B} --topic t --num-records 1 --bogus
consumer-perf-test --bootstrap-server {B} --topic t --num-records 1 --date-format Q
consumer-perf-test --bootstrap-server {B} --topic t --num-records 1 --date-format XXXX
consumer-perf-test --bootstrap-server {B} --topic t --num-records 1 --fetch-size x
consumer-perf-test --bootstrap-server {B} --topic t --num-records 1 --fetch-size -1
consumer-perf-test --bootstrap-server {B} --topic t --num-records 1 --socket-buffer-size -2
consumer-perf-test --bootstrap-server {B} --topic t --num-records 1 --command-property max.poll.records=0
consumer-perf-test --bootstrap-server {B} --topic t --num-records 1 --command-property max.poll.records=x
consumer-perf-test --bootstrap-server {B} --topic t --num-records 1 --command-property isolation.level=bogus
consumer-perf-test --bootstrap-server {B} --topic t --num-records 1 --command-property fetch.min.bytes=-1
consumer-perf-test --bootstrap-server {B} --topic t --num-records 1 --command-property session.timeout.ms=x
consumer-perf-test --bootstrap-server {B} --topic t --num-records 1 --command-property group.protocol=consumer
consumer-perf-test --bootstrap-server {B} --topic t --num-records 1 --date-format "yyyy'x"
consumer-perf-test --bootstrap-server {B} --topic "" --num-records 1
consumer-perf-test --bootstrap-server {B} --topic bad/topic --num-records 1
e2e-latency
e2e-latency a b
e2e-latency --topic t
e2e-latency --bootstrap-server {B} --topic t --num-records 3 --producer-acks 0 --record-size 5
e2e-latency --bootstrap-server {B} --topic t --num-records 0 --producer-acks 1 --record-size 5
e2e-latency --bootstrap-server {B} --topic t --num-records 3 --producer-acks 1 --record-size -5
e2e-latency --bootstrap-server {B} --topic t --num-records 3 --producer-acks 1 --record-size 5 --record-key-size -2
e2e-latency --bootstrap-server {B} --topic t --num-records 3 --producer-acks 1 --record-size 5 --num-headers -2
e2e-latency --bootstrap-server {B} --topic t --num-records x --producer-acks 1 --record-size 5
verifiable-producer --bootstrap-server {B}
verifiable-producer --topic t
verifiable-producer --bootstrap-server {B} --topic t --acks 5
verifiable-producer --bootstrap-server {B} --topic t --producer.config /x
verifiable-producer --bootstrap-server {B} --topic t --message-create-time x
verifiable-producer --bootstrap-server {B} --topic t --max-messages 99999999999
verifiable-consumer --bootstrap-server {B} --topic t
verifiable-consumer --topic t --group-id g
verifiable-consumer --bootstrap-server {B} --topic t --group-id g --max-messages 99999999999
log-dirs --describe
log-dirs --bootstrap-server {B}
log-dirs --bootstrap-server {B} --describe --broker-list 9
log-dirs --bootstrap-server {B} --describe --broker-list x
log-dirs --bootstrap-server {B} --describe --broker-list 1,99999999999
log-dirs --bootstrap-server {B} --describe --bogus
get-offsets --topic t
get-offsets --bootstrap-server {B} --topic nosuch
get-offsets --bootstrap-server {B} --time soon
get-offsets --bootstrap-server {B} --topic-partitions first:x
get-offsets --bootstrap-server {B} --topic-partitions first:0-99999999999
get-offsets --bootstrap-server {B} --topic-partitions first:99999999999999999999
get-offsets --bootstrap-server {B} --topic-partitions first:0-1-2
get-offsets --bootstrap-server {B} --topic-partitions first:2147483647
get-offsets --bootstrap-server {B} --topic-partitions first:0 --topic first
get-offsets --bootstrap-server {B} --topic first --partitions x
console-consumer --bootstrap-server {B} --topic first --formatter nosuch
topics --bootstrap-server {B} --create --topic a --topic b
topics --bootstrap-server {B} --create --topic a --partitions x
topics --bootstrap-server {B} --create --topic a --partitions 99999999999
topics --bootstrap-server {B} --create --topic a --replication-factor x
topics --bootstrap-server {B} --create --topic a --partitions 1 --replica-assignment 1
topics --bootstrap-server {B} --create --topic a --replica-assignment 1,1:2
topics --bootstrap-server {B} --create --topic a --if-exists
topics --bootstrap-server {B} --create --topic first --delete-config x --if-not-exists
topics --bootstrap-server {B} --create --topic a --exclude-internal
topics --bootstrap-server {B} --alter --topic first
topics --bootstrap-server {B} --alter --topic first --partitions 4 --replication-factor 2
topics --bootstrap-server {B} --delete --topic first --partitions 3
topics --bootstrap-server {B} --delete --topic first --config a=1
topics --bootstrap-server {B} --delete --topic first --replica-assignment 1
topics --bootstrap-server {B} --delete --topic first --exclude-internal
topics --bootstrap-server {B} --delete --topic first --unavailable-partitions
topics --bootstrap-server {B} --list --partitions 3
topics --bootstrap-server {B} --list --replication-factor 3
topics --bootstrap-server {B} --list --config a=1
topics --bootstrap-server {B} --list --topic-id AAAAAAAAAAAAAAAAAAAAAQ --topic first
topics --bootstrap-server {B} --list=true --topic first
topics --bootstrap-server {B} --describe --topic first --partitions 3
topics --bootstrap-server {B} --describe --if-exists
topics --bootstrap-server {B} --describe --topic-id x
topics --bootstrap-server {B} --describe --topic-id AAAA
topics --bootstrap-server {B} --describe --topic-id AA.A
topics --bootstrap-server {B} --describe --topic-id AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
topics --bootstrap-server {B} --describe --topic-id AAAAAAAAAAAAAAAAAAAAAQ
topics --bootstrap-server {B} --describe --under-replicated-partitions --unavailable-partitions
topics --bootstrap-server {B} --describe --topics-with-overrides --unavailable-partitions
topics --bootstrap-server {B} --describe --topic first --partition-size-limit-per-response x
topics --bootstrap-server {B} --bootstrap-server {B} --list
configs --bootstrap-server {B} --alter --topic first --add-config ""
configs --bootstrap-server {B} --alter --topic first --add-config cleanup.policy=[compact,delete
configs --bootstrap-server {B} --alter --topic first --add-config-file /nosuch
configs --bootstrap-server {B} --alter --broker-logger 1 --add-config nosuch.logger=INFO
configs --bootstrap-server {B} --describe --topic nosuch --all
configs --bootstrap-server {B} --describe --client-metrics nosuch --all
configs --bootstrap-server {B} --alter --broker 1 --add-config num.io.threads=17
configs --bootstrap-server {B} --alter --broker 1 --add-config ssl.keystore.type=JKS
topics --bootstrap-server {B} --create --topic a --config retention.ms=5=6
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic first:1 --by-duration p1dt2h3m4s
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --from-file {J:first,0}
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --from-file {J:first,x,3}
storage random-uuid extra
storage random-uuid --bogus
storage info -c {F} extra
storage format -c {P} -t MkU3OEVBNTcwNTJENDM2Qk extra
get-offsets --bootstrap-server {B} --topic
get-offsets --bootstrap-server {B} --topic first --bogus
get-offsets --bootstrap-server {B} --topic first --time 9999999999999999999
metadata-quorum --bootstrap-controller {B} describe --status
metadata-quorum --bootstrap-server {C} describe --status
consumer-groups --bootstrap-server {B} --list --group x
consumer-groups --bootstrap-server {B} --describe --group committed --topic first
consumer-groups --bootstrap-server {B} --delete-offsets --group committed --topic first:x
consumer-groups --bootstrap-server {B} --delete-offsets --group committed --topic first:
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic first --to-earliest --execute --dry-run
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --all-groups --topic first:0 --to-earliest --dry-run
consumer-groups --bootstrap-server {B} --reset-offsets --group nosuch --topic first:0 --shift-by 1 --dry-run
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic first:0:1 --to-earliest --dry-run
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic first:x --to-earliest --dry-run
delete-records --bootstrap-server {B} --offset-json-file /nosuch
delete-records --bootstrap-server {B} --offset-json-file {J:}
delete-records --bootstrap-server {B} --offset-json-file {J:[]}
delete-records --bootstrap-server {B} --offset-json-file {J:{"partitions":[]}x}
delete-records --bootstrap-server {B} --offset-json-file {J:null}
leader-election --bootstrap-server {B} --election-type preferred --path-to-json-file {J:{"partitions":[]}}
cluster cluster-id -b={B}
cluster unregister -b {B} -i -1
delete-records --bootstrap-server {B} --offset-json-file {J:{"version":"x","partitions":[]}}
delete-records --bootstrap-server {B} --offset-json-file {J:{"version":2,"partitions":[]}}
delete-records --bootstrap-server {B} --offset-json-file {J:{"partitions":[{"topic":"first"}]}}
delete-records --bootstrap-server {B} --offset-json-file {J:{"partitions":[{"topic":"first","partition":0}]}}
delete-records --bootstrap-server {B} --offset-json-file {J:{"partitions":[{"topic":"first","partition":0,"offset":"x"}]}}
"""

# Users, clients and ips: requests that a node of Samsa does not serve.
QUOTAS = """
configs --bootstrap-server {B} --describe --topic ""
configs --bootstrap-server {B} --describe --topic bad/name
configs --bootstrap-server {B} --describe --topic ..
configs --bootstrap-server {B} --describe --user x
configs --bootstrap-server {B} --describe --entity-type users
configs --bootstrap-server {B} --describe --entity-type users --entity-default
configs --bootstrap-server {B} --describe --client c
configs --bootstrap-server {B} --describe --client-defaults
configs --bootstrap-server {B} --describe --ip 127.0.0.1
configs --bootstrap-server {B} --describe --ip-defaults
configs --bootstrap-server {B} --describe --ip nosuch.invalid
configs --bootstrap-server {B} --describe --user x --client y
configs --bootstrap-server {B} --describe --entity-type users --entity-name x --entity-type clients --entity-name y
configs --bootstrap-server {B} --describe --ip 127.0.0.1 --user x
configs --bootstrap-server {B} --describe --user x --topic first
configs --bootstrap-server {B} --describe --entity-type users --entity-name x --entity-name y
configs --bootstrap-server {B} --alter --user {T} --add-config producer_byte_rate=1024
configs --bootstrap-server {B} --alter --user {T} --add-config nosuch=1024
configs --bootstrap-server {B} --alter --user {T} --add-config producer_byte_rate=y
configs --bootstrap-server {B} --alter --user {T} --add-config SCRAM-SHA-256=[password=abc]
configs --bootstrap-server {B} --alter --user {T} --add-config SCRAM-SHA-512=[iterations=8192,password=abc]
configs --bootstrap-server {B} --describe --user {T}
configs --bootstrap-server {B} --alter --user {T} --add-config SCRAM-SHA-256=[iterations=1,password=abc]
configs --bootstrap-server {B} --alter --user {T} --add-config SCRAM-SHA-256=[iterations=x,password=abc]
configs --bootstrap-server {B} --alter --user {T} --add-config SCRAM-SHA-256=[iterations=,password=abc]
configs --bootstrap-server {B} --alter --user {T} --add-config SCRAM-SHA-256=[iterations=-1,password=abc]
configs --bootstrap-server {B} --alter --user {T} --add-config SCRAM-SHA-256=[iterations=99999999999,password=abc]
configs --bootstrap-server {B} --alter --user {T} --add-config SCRAM-SHA-256=[iterations=99999,password=abc]
configs --bootstrap-server {B} --alter --user {T} --add-config SCRAM-SHA-256=[abc=1]
configs --bootstrap-server {B} --alter --user {T} --add-config SCRAM-SHA-256=[password=]
configs --bootstrap-server {B} --alter --user {T} --add-config SCRAM-SHA-1=[password=abc]
configs --bootstrap-server {B} --alter --user {T} --delete-config SCRAM-SHA-256
configs --bootstrap-server {B} --describe --user {T}
configs --bootstrap-server {B} --alter --user {T} --delete-config SCRAM-SHA-256
configs --bootstrap-server {B} --alter --user {T} --delete-config consumer_byte_rate
configs --bootstrap-server {B} --alter --user {T} --delete-config nosuch
configs --bootstrap-server {B} --alter --user {T} --delete-config producer_byte_rate
configs --bootstrap-server {B} --alter --user-defaults --add-config SCRAM-SHA-256=[password=abc]
configs --bootstrap-server {B} --alter --user {T} --client y --add-config SCRAM-SHA-256=[password=abc]
configs --bootstrap-server {B} --alter --user {T} --client y --add-config consumer_byte_rate=5
configs --bootstrap-server {B} --describe --user {T} --client y
configs --bootstrap-server {B} --alter --user {T} --client-defaults --add-config consumer_byte_rate=5.5,request_percentage=20
configs --bootstrap-server {B} --describe --user {T} --client-defaults
configs --bootstrap-server {B} --alter --client {T} --add-config consumer_byte_rate=1e9
configs --bootstrap-server {B} --describe --client {T}
configs --bootstrap-server {B} --alter --client-defaults --add-config consumer_byte_rate=5
configs --bootstrap-server {B} --describe --client-defaults
configs --bootstrap-server {B} --alter --client-defaults --delete-config consumer_byte_rate
configs --bootstrap-server {B} --alter --ip 127.0.0.1 --add-config connection_creation_rate=5
configs --bootstrap-server {B} --describe --ip 127.0.0.1
configs --bootstrap-server {B} --alter --ip 127.0.0.1 --delete-config connection_creation_rate
configs --bootstrap-server {B} --alter --ip 127.0.0.1 --add-config consumer_byte_rate=5
configs --bootstrap-server {B} --alter --ip nosuch.invalid --add-config connection_creation_rate=5
configs --bootstrap-server {B} --alter --ip-defaults --add-config connection_creation_rate=5
configs --bootstrap-server {B} --alter --ip-defaults --delete-config connection_creation_rate
configs --bootstrap-server {B} --alter --user {T} --add-config producer_byte_rate=1024,SCRAM-SHA-256=[password=abc]
configs --bootstrap-server {B} --alter --user {T} --delete-config producer_byte_rate,SCRAM-SHA-256
configs --bootstrap-server {B} --alter --entity-type users --add-config producer_byte_rate=1024
configs --bootstrap-server {B} --alter --entity-type users --entity-name x --entity-type clients --add-config producer_byte_rate=1024
configs --bootstrap-server {B} --alter --entity-type users --entity-name x --entity-type topics --entity-name y --add-config producer_byte_rate=1024
configs --bootstrap-server {B} --alter --entity-type users --entity-name {T} --entity-type clients --entity-default --add-config producer_byte_rate=3
configs --bootstrap-server {B} --describe --entity-type users --entity-name {T} --entity-type clients
configs --bootstrap-server {B} --alter --entity-type users --entity-name {T} --entity-type clients --entity-default --delete-config producer_byte_rate
configs --bootstrap-server {B} --alter --user {T} --add-config producer_byte_rate=0
configs --bootstrap-server {B} --alter --user {T} --add-config producer_byte_rate=-1
configs --bootstrap-server {B} --alter --user {T} --add-config controller_mutation_rate=2.5
configs --bootstrap-server {B} --alter --user {T} --add-config a=1 --delete-config a
configs --bootstrap-controller {C} --describe --user x
configs --bootstrap-controller {C} --alter --user x --add-config producer_byte_rate=1
"""

# What each says on standard error is its parser's; its output and status are compared.
QUIET = """
storage info -c {J:process.roles=broker\\nnode.id=1\\ncontroller.listener.names=C\\ncontroller.quorum.voters=2@h:1\\nlog.dirs=/nosuch/a,/etc/passwd}
dump-log --files {L}/first-0/00000000000000000000.log --offsets-decoder
dump-log --files {L}/first-0/00000000000000000000.log --offsets-decoder --cluster-metadata-decoder
dump-log --files {L}/first-0/00000000000000000000.log --transaction-log-decoder
dump-log --files {L}/first-0/00000000000000000000.log --share-group-state-decoder
dump-log --files {L}/first-0/00000000000000000000.log --cluster-metadata-decoder
dump-log --files {L}/first-0/00000000000000000000.log --value-decoder-class org.apache.kafka.tools.api.StringDecoder
dump-log --files {L}/first-0/00000000000000000000.log --value-decoder-class org.apache.kafka.tools.api.LongDecoder
dump-log --files {L}/first-0/00000000000000000000.log --value-decoder-class org.apache.kafka.tools.api.IntegerDecoder --skip-record-metadata
dump-log --files {L}/first-0/00000000000000000000.log --key-decoder-class org.apache.kafka.tools.api.IntegerDecoder
dump-log --files {L}/nosuch/00000000000000000000.log
server-start --version
server-start --help
server-start
topics --bootstrap-server {B} --alter --topic first --config a=1
consumer-groups --bootstrap-server {B} --list --verbose
consumer-groups --bootstrap-server {B} --list --offsets
consumer-groups --bootstrap-server {B} --list --describe
consumer-groups --bootstrap-server {B} --describe --group committed --timeout x
consumer-groups --bootstrap-server {B} --describe --group committed --type
consumer-groups --bootstrap-server {B} --describe --group committed --command-config /nosuch
consumer-groups --bootstrap-server {B} --delete-offsets --group committed --group member --topic first
consumer-groups --bootstrap-server {B} --delete-offsets --group committed --topic nosuch
consumer-groups --bootstrap-server {B} --delete-offsets --group committed --topic first:9
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic first:0 --to-offset x
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic first:0 --shift-by x
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic first:9 --to-earliest
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic nosuch:0 --to-earliest
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic first:0 --to-datetime x
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic first:0 --to-datetime 2020-01-01T00:00:00
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic first:0 --to-datetime 2020-13-01T00:00:00.000
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic first:0 --to-datetime 2020-01-01T00:00:00.000+05:30
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic first:0 --to-datetime 2099-01-01T00:00:00.000
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic first:0 --by-duration x
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic first:0 --by-duration PT-1H
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic first:0 --by-duration P1DT2H3M4.5S
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --from-file /nosuch
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --group nosuch --from-file {J:committed,first,0,3}
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic first:0 --to-latest --members
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic first:0 --to-datetime 2020-02-31T00:00:00.000 --dry-run
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic first:0 --to-datetime 2021-02-29T00:00:00.000 --dry-run
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic first:0 --to-datetime 2020-02-29T00:00:00.000 --dry-run
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic first:0 --by-duration P1M --dry-run
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic first:0 --by-duration PT --dry-run
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic first:0 --by-duration pt1h --dry-run
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic first:0 --by-duration PT1.5H --dry-run
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic first:0 --by-duration PT1S1H --dry-run
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic first:0 --by-duration P1DT --dry-run
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic first:0 --by-duration -PT1H --dry-run
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic first:0 --by-duration +PT1H --dry-run
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic first:0 --by-duration PT1e2S --dry-run
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --topic first:0 --by-duration PT50H-5M --dry-run
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --from-file {J:first,0,3} --topic nosuch --dry-run
consumer-groups --bootstrap-server {B} --reset-offsets --group committed --from-file {J:first,0,3} --topic first --dry-run
consumer-groups --bootstrap-server {B} --delete-offsets --group nosuch --topic first
consumer-groups --bootstrap-server {B} --delete-offsets --group member --topic first
consumer-groups --bootstrap-server {B} --list --members
consumer-groups --bootstrap-server {B} --describe --group committed --offsets --verbose
consumer-groups --bootstrap-server {B} --describe --group committed --group nosuch
consumer-groups --validate-regex a.*
consumer-groups --validate-regex [
consumer-groups --validate-regex (a
consumer-groups --validate-regex *
consumer-groups --validate-regex a{2,1}
consumer-groups --list
topics --bootstrap-server {B} --create --topic {T}h --replica-assignment ,1
topics --bootstrap-server {B} --list --topic "["
topics --bootstrap-server {B} --list --topic first,nosuch
topics --bootstrap-server {B} --describe --partition-size-limit-per-response x --topic first
topics --bootstrap-server {B} --describe --partition-size-limit-per-response 0 --topic first
topics --bootstrap-server {B} --describe --topic first --under-replicated-partitions --unavailable-partitions
topics --bootstrap-server {B} --create --topic {T}f --replication-factor 65537
topics --bootstrap-server {B} --alter --topic first --partitions 0
topics --bootstrap-server {B} --delete --topic "["
consumer-groups --bootstrap-server 127.0.0.1 --list
consumer-groups --bootstrap-server {B}, --list
consumer-groups --bootstrap-server {B} --list --command-config {J:request.timeout.ms=x}
verifiable-consumer --bootstrap-server {B} --topic t --group-id g --reset-policy by_duration:x
verifiable-consumer --bootstrap-server {B} --topic t --group-id g --group-protocol bogus
producer-perf-test --bootstrap-server {B} --topic t --num-records 5 --throughput -1 --record-size 1 --transactional-id t
producer-perf-test --bootstrap-server {B} --topic t --num-records 5 --throughput -1 --record-size 1 --command-property batch.size=x
producer-perf-test --bootstrap-server {B} --topic t --num-records 5 --throughput -1 --record-size 1 --command-property acks=x
console-consumer --bootstrap-server {B} --topic first --command-property auto.offset.reset=by_duration:x
"""


# What makes the client: addresses, the properties file, ids.
CLIENTS = """
log-dirs --bootstrap-server {B} --describe --broker-list " 1"
log-dirs --bootstrap-server {B} --describe --broker-list 9,8,1
log-dirs --bootstrap-server {B} --describe --broker-list 9,9
log-dirs --bootstrap-server {B} --describe --command-config /nosuch
log-dirs --describe --bootstrap-server ""
log-dirs --describe --bootstrap-server {B},
log-dirs --describe --bootstrap-server {B}x
reassign-partitions --bootstrap-server {B} --generate --topics-to-move-json-file {J:{"topics":[{"topic":"first"}]}} --broker-list ,
reassign-partitions --bootstrap-server {B} --generate --topics-to-move-json-file {J:{"topics":[{"topic":"first"}]}} --broker-list ""
reassign-partitions --bootstrap-server {B} --generate --topics-to-move-json-file {J:{"topics":[{"topic":"first"}]}} --broker-list ,1
reassign-partitions --bootstrap-server {B} --generate --topics-to-move-json-file {J:{"topics":[{"topic":"first"}]}} --broker-list 7
metadata-quorum --bootstrap-server {B} remove-controller -i 4 -d bad
metadata-quorum --bootstrap-server {B} remove-controller -i 4 -d x
metadata-quorum --bootstrap-server {B} remove-controller -i 4 -d AAAA
metadata-quorum --bootstrap-server {B} remove-controller -i 4 -d AAA.
metadata-quorum --bootstrap-server {B} remove-controller -i 4 -d AAAA=
metadata-quorum --bootstrap-server {B} remove-controller -i 4 -d AA==A
metadata-quorum --bootstrap-server {B} remove-controller -i 4 -d AAA=A
metadata-quorum --bootstrap-server {B} remove-controller -i 4 -d ====
metadata-quorum --bootstrap-server {B} remove-controller -i 4 -d AA=A
metadata-quorum --bootstrap-server {B} remove-controller -i 4 -d AAAAAAAAAAAAAAAAAAAAAAAA
metadata-quorum --bootstrap-server {B} remove-controller -i 4 -d AAAAAAAAAAAAAAAAAAAAAA==
metadata-quorum --bootstrap-server {B} remove-controller -i 4 -d AAAAAAAAAAAAAAAAAAAAA=
metadata-quorum --bootstrap-server {B} remove-controller -i 4 -d "AA AAAA"
metadata-quorum --bootstrap-server {B} remove-controller -i 4 -d ""
metadata-quorum --bootstrap-server {B} remove-controller -i 4 -d AAAAA
topics --bootstrap-server {B} --describe --topic-id AAAAA
get-offsets --bootstrap-server {B} --topic first --command-config /nosuch
get-offsets --bootstrap-server 127.0.0.1 --topic first
get-offsets --bootstrap-server {B}, --topic first
get-offsets --bootstrap-server "" --topic first
topics --bootstrap-server {B} --list --command-config /nosuch
topics --bootstrap-server {B} --list --command-config {J:request.timeout.ms=-1}
topics --bootstrap-server {B} --list --command-config {J:request.timeout.ms=99999999999}
topics --bootstrap-server {B} --list --command-config {J:default.api.timeout.ms=5\\nrequest.timeout.ms=10}
topics --bootstrap-server {B} --list --command-config {J:security.protocol=x}
topics --bootstrap-server ,{B} --list
topics --bootstrap-server a:b:9092 --list
topics --bootstrap-server 127.0.0.1 --list
topics --bootstrap-server nosuch.invalid:9092,{B} --describe --topic nosuch
configs --bootstrap-server {B} --describe --topic first --command-config /nosuch
configs --bootstrap-server 127.0.0.1 --describe --topic first
configs --bootstrap-server {B}, --describe --topic first
delete-records --bootstrap-server {B} --offset-json-file {J:{"partitions":[]}} --command-config /nosuch
delete-records --bootstrap-server 127.0.0.1 --offset-json-file {J:{"partitions":[]}}
leader-election --bootstrap-server {B} --election-type preferred --all-topic-partitions --command-config /nosuch
leader-election --bootstrap-server 127.0.0.1 --election-type preferred --all-topic-partitions
reassign-partitions --bootstrap-server {B} --list --command-config /nosuch
reassign-partitions --bootstrap-server 127.0.0.1 --list
reassign-partitions --bootstrap-server {B}, --list
features --bootstrap-server {B} --command-config /nosuch describe
features --bootstrap-controller {C}, describe
features --bootstrap-server 127.0.0.1 describe
cluster cluster-id --bootstrap-server {B} --command-config /nosuch
cluster cluster-id --bootstrap-server 127.0.0.1
metadata-quorum --bootstrap-server 127.0.0.1 describe --status
broker-api-versions --bootstrap-server {B} --command-config /nosuch
broker-api-versions --bootstrap-server 127.0.0.1
consumer-perf-test --bootstrap-server 127.0.0.1 --topic first --num-records 1
e2e-latency --bootstrap-server 127.0.0.1 --topic first --num-records 1 --record-size 1 --producer-acks 1
e2e-latency --bootstrap-server {B} --topic first --num-records 1 --record-size 1 --producer-acks 1 --command-config /nosuch
console-producer --bootstrap-server 127.0.0.1 --topic first
console-producer --bootstrap-server " " --topic first
console-producer --topic first
"""


def mistakes():
    for line in (LINES + CLIENTS + QUOTAS).strip().splitlines():
        if not line:
            continue
        tool, _, args = line.partition(" ")
        yield Case(tool, args, server=False, mistake=True)
    for line in QUIET.strip().splitlines():
        tool, _, args = line.partition(" ")
        yield Case(tool, args, server=False)


SERVED = """
--alter --user {T} --add-config producer_byte_rate=1024,request_percentage=12.5
--alter --user {T} --add-config SCRAM-SHA-256=[password=abc]
--alter --user {T} --add-config SCRAM-SHA-512=[iterations=8192,password=abc]
--describe --user {T}
--alter --user {T} --add-config SCRAM-SHA-256=[iterations=99999,password=abc]
--alter --user {T} --add-config SCRAM-SHA-256=[iterations=,password=abc]
--alter --user {T} --add-config SCRAM-SHA-256=[password=]
--alter --user {T} --add-config producer_byte_rate=y
--alter --user {T} --add-config producer_byte_rate=-1
--alter --user {T} --delete-config SCRAM-SHA-256
--alter --user {T} --delete-config SCRAM-SHA-256
--alter --user {T} --delete-config consumer_byte_rate
--alter --user {T} --delete-config producer_byte_rate
--describe --user {T}
--describe --user nosuch
--alter --user {T} --client a --add-config consumer_byte_rate=5
--alter --user {T} --client-defaults --add-config consumer_byte_rate=1e9
--alter --entity-type users --entity-name {T} --entity-type clients --entity-default --add-config producer_byte_rate=3
--describe --user {T} --client a
--describe --user {T} --client-defaults
--describe --user {T} --client nosuch
--alter --client {T} --add-config controller_mutation_rate=2.5
--describe --client {T}
--describe --entity-type users --entity-name {T} --entity-name y
--alter --ip-defaults --add-config connection_creation_rate=5
--describe --ip-defaults
--alter --ip 127.0.0.1 --add-config connection_creation_rate=500
--describe --ip 127.0.0.1
--describe --entity-type ips
"""


def quotas():
    for line in SERVED.strip().splitlines():
        yield Case("configs", line, mistake=True, unordered=True)


UNREACHABLE = """
topics --command-config {X} --bootstrap-server 127.0.0.1:1 --list
topics --command-config {X} --bootstrap-server 127.0.0.1:1 --describe --topic t
configs --command-config {X} --bootstrap-server 127.0.0.1:1 --describe --topic t
configs --command-config {X} --bootstrap-server 127.0.0.1:1 --alter --topic t --add-config retention.ms=1
cluster cluster-id --command-config {X} --bootstrap-server 127.0.0.1:1
cluster list-endpoints --command-config {X} --bootstrap-controller 127.0.0.1:1
cluster unregister --command-config {X} --bootstrap-server 127.0.0.1:1 --id 1
features --command-config {X} --bootstrap-server 127.0.0.1:1 describe
features --command-config {X} --bootstrap-server 127.0.0.1:1 upgrade --release-version 4.3
metadata-quorum --command-config {X} --bootstrap-server 127.0.0.1:1 describe --status
metadata-quorum --command-config {X} --bootstrap-controller 127.0.0.1:1 describe --replication
metadata-quorum --command-config {X} --bootstrap-controller 127.0.0.1:1 remove-controller -i 1 -d AAAAAAAAAAAAAAAAAAAAAQ
leader-election --admin.config {X} --bootstrap-server 127.0.0.1:1 --election-type preferred --all-topic-partitions
reassign-partitions --command-config {X} --bootstrap-server 127.0.0.1:1 --list
reassign-partitions --command-config {X} --bootstrap-controller 127.0.0.1:1 --list
log-dirs --command-config {X} --bootstrap-server 127.0.0.1:1 --describe
get-offsets --command-config {X} --bootstrap-server 127.0.0.1:1
delete-records --command-config {X} --bootstrap-server 127.0.0.1:1 --offset-json-file {J:{"partitions":[{"topic":"t","partition":0,"offset":1}]}}
broker-api-versions --command-config {X} --bootstrap-server 127.0.0.1:1
topics --bootstrap-server nowhere --list
cluster cluster-id --bootstrap-server nowhere
features --bootstrap-server nowhere describe
metadata-quorum --bootstrap-server nowhere describe --status
log-dirs --bootstrap-server nowhere --describe
get-offsets --bootstrap-server nowhere
cluster cluster-id --bootstrap-server nosuch.invalid:9092
"""


def unreachable():
    """Nobody listens there: every tool says so within its time, or at once where it is no address."""
    config = "{J:default.api.timeout.ms=1200\\nrequest.timeout.ms=800}"
    for line in UNREACHABLE.strip().splitlines():
        tool, _, args = line.partition(" ")
        # kafka-topics.sh says on its output that nobody answers, and on the other that an address is none
        mistake = tool != "topics" or "nowhere" in args
        yield Case(tool, args.replace("{X}", config), server=False, mistake=mistake)
