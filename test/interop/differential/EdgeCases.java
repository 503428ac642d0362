import static org.apache.kafka.common.protocol.ApiKeys.*;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.message.CreateTopicsRequestData.CreatableReplicaAssignment;
import org.apache.kafka.common.message.CreateTopicsRequestData.CreatableTopic;
import org.apache.kafka.common.message.CreateTopicsRequestData.CreatableTopicConfig;
import org.apache.kafka.common.record.internal.MemoryRecords;

/** Requests at the edges of what is allowed, and beyond: empty, doubled, negative, out of range, of nobody. Each once, in
 * the newest version, unless versions differ there. */
final class EdgeCases {
    private final Differential d;

    EdgeCases(Differential d) {
        this.d = d;
    }

    void run() throws IOException {
        topics();
        values();
        growing();
        records();
        reading();
        deleting();
        members();
        offsets();
        asking();
    }

    private void setUp(CreatableTopic... topics) throws IOException {
        for (CreatableTopic t : topics)
            d.once("set up topic " + t.name(), CREATE_TOPICS, (s, v) -> TopicCases.create(false, t.duplicate()), (s, m, v) -> {
                CreateTopicsResponseData.CreatableTopicResult r = ((CreateTopicsResponseData) m).topics().find(t.name());
                s.known.put(t.name(), r.topicId());
                s.labels.name(r.topicId().toString(), "<id of " + t.name() + ">");
            });
        d.settle();
    }

    private static CreatableReplicaAssignment replicas(int partition, Integer... brokers) {
        return new CreatableReplicaAssignment().setPartitionIndex(partition).setBrokerIds(List.of(brokers));
    }

    private void judge(String name, CreatableTopic topic) throws IOException {
        d.once("edge: create " + name, CREATE_TOPICS, (s, v) -> TopicCases.create(true, topic.duplicate()));
    }

    private void topics() throws IOException {
        CreatableTopic t = TopicCases.topic("edge-a", -1, -1);
        t.assignments().mustAdd(replicas(0, 1, 1));
        judge("on a broker twice", t);
        t = TopicCases.topic("edge-a", -1, -1);
        t.assignments().mustAdd(replicas(0));
        judge("on no broker", t);
        t = TopicCases.topic("edge-a", -1, -1);
        t.assignments().mustAdd(replicas(-1, 1));
        judge("a partition below zero", t);
        t = TopicCases.topic("edge-a", -1, 1);
        t.assignments().mustAdd(replicas(0, 1));
        judge("by assignment and factor", t);
        judge("ten thousand partitions", TopicCases.topic("edge-a", 10000, 1));
        judge("more than ten thousand", TopicCases.topic("edge-a", 10001, 1));
        judge("two billion partitions", TopicCases.topic("edge-a", Integer.MAX_VALUE, 1));
        judge("a name with a slash", TopicCases.topic("a/b", 1, 1));
        judge("a name with two dots", TopicCases.topic("..", 1, 1));
        judge("the longest name", TopicCases.topic("n".repeat(249), 1, 1));
        judge("what is there already", TopicCases.topic("records", 1, 1));
        judge("an internal name", TopicCases.topic("__transaction_state", 1, 1));
        t = TopicCases.topic("edge-a", 1, 1);
        t.configs().mustAdd(new CreatableTopicConfig().setName("").setValue("1"));
        judge("with a nameless configuration", t);
        judge("with a configuration and no replicas", TopicCases.topic("edge-a", 0, 0, "retention.ms", "x"));
    }

    /** Values that no topic may have, or just may. */
    private void values() throws IOException {
        String[][] all = {{"retention.ms", "-1"}, {"retention.ms", "-2"}, {"retention.ms", "9223372036854775808"},
            {"retention.ms", " 5 "}, {"retention.ms", "5.0"}, {"retention.bytes", "-1"}, {"retention.bytes", "-2"},
            {"min.insync.replicas", "0"}, {"min.insync.replicas", "1"}, {"cleanup.policy", ""}, {"cleanup.policy", "compact,foo"},
            {"cleanup.policy", "delete,compact"}, {"cleanup.policy", "DELETE"},
            {"compression.type", "brotli"}, {"compression.type", "uncompressed"}, {"compression.type", "GZIP"},
            {"compression.gzip.level", "0"}, {"compression.gzip.level", "10"}, {"compression.gzip.level", "-1"},
            {"compression.lz4.level", "0"}, {"compression.lz4.level", "18"}, {"compression.zstd.level", "23"},
            {"compression.zstd.level", "-131073"}, {"max.message.bytes", "-1"}, {"max.message.bytes", "0"},
            {"segment.ms", "0"}, {"segment.ms", "1"}, {"segment.bytes", "1048575"}, {"segment.bytes", "1048576"},
            {"segment.jitter.ms", "-1"}, {"segment.index.bytes", "3"}, {"flush.messages", "0"}, {"flush.ms", "-1"},
            {"index.interval.bytes", "-1"}, {"min.cleanable.dirty.ratio", "1.1"}, {"min.cleanable.dirty.ratio", "-0.1"},
            {"min.cleanable.dirty.ratio", "1"}, {"message.timestamp.type", "createtime"}, {"message.timestamp.before.max.ms", "-1"},
            {"message.timestamp.after.max.ms", "-1"}, {"preallocate", "maybe"}, {"preallocate", "TRUE"},
            {"unclean.leader.election.enable", "1"}, {"leader.replication.throttled.replicas", "1"},
            {"leader.replication.throttled.replicas", "*"}, {"leader.replication.throttled.replicas", "0:1,1:1"},
            {"leader.replication.throttled.replicas", "0:1,"}, {"follower.replication.throttled.replicas", "none"},
            {"delete.retention.ms", "-1"}, {"min.compaction.lag.ms", "-1"}, {"max.compaction.lag.ms", "0"},
            {"file.delete.delay.ms", "-1"}, {"local.retention.ms", "-2"}, {"local.retention.ms", "-3"},
            {"local.retention.bytes", "-3"}, {"remote.storage.enable", "true"}, {"remote.storage.enable", "x"},
            {"remote.copy.disable", "true"}, {"message.format.version", "3.0"}, {"message.downconversion.enable", "true"},
            {"Retention.ms", "5"}, {"log.retention.ms", "5"}};
        for (String[] c : all) judge(c[0] + "='" + c[1] + "'", TopicCases.topic("edge-v", 1, 1, c));
        judge("with lags that cross", TopicCases.topic("edge-v", 1, 1, "min.compaction.lag.ms", "10", "max.compaction.lag.ms", "5"));
        judge("with local retention over all", TopicCases.topic("edge-v", 1, 1, "retention.ms", "5", "local.retention.ms", "6"));
        String[][] brokers = {{"log.retention.ms", "0"}, {"log.retention.ms", "x"}, {"log.segment.bytes", "13"},
            {"num.io.threads", "0"}, {"background.threads", "x"},
            {"max.connections", "-1"}, {"max.connections.per.ip", "-1"}, 
            {"message.max.bytes", "-5"}, {"min.insync.replicas", "0"}, {"unclean.leader.election.enable", "perhaps"},
            {"leader.replication.throttled.rate", "-1"}, {"compression.type", "x"},
            {"log.cleanup.policy", "x"}, {"broker.rack", "r"}, {"log.dirs", "/x"},
            {"auto.create.topics.enable", "false"}, {"num.partitions", "7"}, {"no.such.key", "7"}, 
            {"log.index.interval.bytes", "-1"}, {"log.roll.ms", "0"}, {"producer.id.expiration.ms", "0"}};
        for (String broker : List.of("1", ""))
            for (String[] c : brokers)
                d.once("edge: set for broker '" + broker + "' " + c[0] + "='" + c[1] + "'", INCREMENTAL_ALTER_CONFIGS,
                    (s, v) -> TopicCases.incremental(4, broker, true, 0, c[0], c[1]));
    }

    private void growing() throws IOException {
        setUp(TopicCases.topic("edge-grow", 2, 1));
        for (int count : new int[] {-1, 0, 2})
            d.once("edge: grow to " + count, CREATE_PARTITIONS, (s, v) -> TopicCases.grow("edge-grow", count, true));
        d.once("edge: grow to nobody", CREATE_PARTITIONS, (s, v) -> {
            CreatePartitionsRequestData r = TopicCases.grow("edge-grow", 3, true, 1);
            r.topics().find("edge-grow").assignments().get(0).setBrokerIds(List.of());
            return r;
        });
        d.once("edge: grow to a broker twice", CREATE_PARTITIONS, (s, v) -> {
            CreatePartitionsRequestData r = TopicCases.grow("edge-grow", 3, true, 1);
            r.topics().find("edge-grow").assignments().get(0).setBrokerIds(List.of(1, 1));
            return r;
        });
        d.once("edge: grow by too short an assignment", CREATE_PARTITIONS, (s, v) -> TopicCases.grow("edge-grow", 5, true, 1));
        d.once("edge: grow nothing", CREATE_PARTITIONS, (s, v) -> new CreatePartitionsRequestData().setTimeoutMs(1000));
        d.once("edge: delete nothing", DELETE_TOPICS, (s, v) -> new DeleteTopicsRequestData().setTimeoutMs(1000));
        d.once("edge: delete nameless", DELETE_TOPICS, (s, v) -> new DeleteTopicsRequestData().setTimeoutMs(1000).setTopics(
            List.of(new DeleteTopicsRequestData.DeleteTopicState().setName(null))));
        d.once("edge: delete the empty name", DELETE_TOPICS, (s, v) -> new DeleteTopicsRequestData().setTimeoutMs(1000).setTopics(
            List.of(new DeleteTopicsRequestData.DeleteTopicState().setName(""))));
        d.once("edge: delete an unknown id twice", DELETE_TOPICS, (s, v) -> new DeleteTopicsRequestData().setTimeoutMs(1000)
            .setTopics(List.of(new DeleteTopicsRequestData.DeleteTopicState().setName(null).setTopicId(new Uuid(7, 7)),
                new DeleteTopicsRequestData.DeleteTopicState().setName(null).setTopicId(new Uuid(7, 7)))));
        d.once("edge: delete by name and id", DELETE_TOPICS, (s, v) -> new DeleteTopicsRequestData().setTimeoutMs(1000)
            .setTopics(List.of(new DeleteTopicsRequestData.DeleteTopicState().setName("edge-grow"),
                new DeleteTopicsRequestData.DeleteTopicState().setName(null).setTopicId(s.get("edge-grow")))));
    }

    private void records() throws IOException {
        setUp(TopicCases.topic("edge", 2, 1), TopicCases.topic("edge-empty", 1, 1),
            TopicCases.topic("edge-append", 1, 1, "message.timestamp.type", "LogAppendTime"),
            TopicCases.topic("edge-strict", 1, 1, "message.timestamp.before.max.ms", "1000"),
            TopicCases.topic("edge-small", 1, 1, "max.message.bytes", "100"),
            TopicCases.topic("edge-compact", 1, 1, "cleanup.policy", "compact"));
        d.once("edge: produce", PRODUCE, (s, v) -> RecordCases.produce(s, v, -1, "edge", 0, Records.plain("a", "b", "c", "d")));
        d.once("edge: produce to be stamped", PRODUCE, (s, v) -> RecordCases.produce(s, v, -1, "edge-append", 0, Records.plain("a")));
        d.once("edge: produce what is too old", PRODUCE, (s, v) -> RecordCases.produce(s, v, -1, "edge-strict", 0, Records.plain("a", "b")));
        d.once("edge: produce what is too large", PRODUCE, (s, v) -> RecordCases.produce(s, v, -1, "edge-small", 0,
            Records.plain("a".repeat(200))));
        d.once("edge: produce nulls to be compacted", PRODUCE, (s, v) -> RecordCases.produce(s, v, -1, "edge-compact", 0,
            Records.plain("a", null)));
        for (int count : new int[] {1, 3, 4})
            d.once("edge: produce " + count + " without keys to be compacted", PRODUCE, (s, v) -> RecordCases.produce(s, v, -1,
                "edge-compact", 0, Records.keyless(count)));
        d.once("edge: produce to partition -1", PRODUCE, (s, v) -> RecordCases.produce(s, v, -1, "edge", -1, Records.plain("a")));
        d.once("edge: produce in no time", PRODUCE, (s, v) -> ((ProduceRequestData) RecordCases.produce(s, v, -1, "edge", 1,
            Records.plain("a"))).setTimeoutMs(0));
        d.once("edge: produce in less than no time", PRODUCE, (s, v) -> ((ProduceRequestData) RecordCases.produce(s, v, -1, "edge",
            1, Records.plain("a"))).setTimeoutMs(-1));
        d.once("edge: produce by codec 7", PRODUCE, (s, v) -> RecordCases.produce(s, v, -1, "edge", 0, Records.spoiled(22, 7)));
        d.once("edge: produce to a good and a bad one", PRODUCE, (s, v) -> {
            ProduceRequestData r = (ProduceRequestData) RecordCases.produce(s, v, -1, "edge", 1, Records.plain("a"));
            r.topicData().iterator().next().partitionData().add(new ProduceRequestData.PartitionProduceData().setIndex(7)
                .setRecords(Records.plain("b")));
            return r;
        });
        d.ask("edge: a producer's timeout", INIT_PRODUCER_ID, (s, v) -> new InitProducerIdRequestData().setTransactionalId(null)
            .setTransactionTimeoutMs(-1));
        d.once("edge: the records", FETCH, (s, v) -> RecordCases.fetch(s, v, "edge", RecordCases.at(0, 0), RecordCases.at(1, 0)));
        d.once("edge: what was refused is not there", FETCH, (s, v) -> RecordCases.fetch(s, v, "edge-strict", RecordCases.at(0, 0)));
    }

    private void reading() throws IOException {
        for (String topic : List.of("edge-empty", "edge", "edge-append"))
            for (long time : new long[] {-7, -6, -5, -4, -3, -2, -1, 0, 1, Records.TIME_MS, Long.MAX_VALUE, Long.MIN_VALUE})
                d.ask("edge: offset of " + topic + " at " + time, LIST_OFFSETS, (s, v) -> RecordCases.list(topic, 0, time, -1, 0));
        d.once("edge: offset of no partition", LIST_OFFSETS, (s, v) -> {
            ListOffsetsRequestData r = RecordCases.list("edge", 0, -1, -1, 0);
            r.topics().get(0).setPartitions(List.of());
            return r;
        });
        d.once("edge: offset of nothing", LIST_OFFSETS, (s, v) -> RecordCases.list("edge", 0, -1, -1, 0).setTopics(List.of()));
        d.once("edge: offset of a partition twice", LIST_OFFSETS, (s, v) -> {
            ListOffsetsRequestData r = RecordCases.list("edge", 0, -1, -1, 0);
            List<ListOffsetsRequestData.ListOffsetsPartition> both = new ArrayList<>(r.topics().get(0).partitions());
            both.addAll(RecordCases.list("edge", 0, -2, -1, 0).topics().get(0).partitions());
            r.topics().get(0).setPartitions(both);
            return r;
        });
        d.once("edge: offset of partition -1", LIST_OFFSETS, (s, v) -> RecordCases.list("edge", -1, -1, -1, 0));
        d.once("edge: offset of a nameless topic", LIST_OFFSETS, (s, v) -> RecordCases.list("", 0, -1, -1, 0));
        d.once("edge: fetch of no bytes", FETCH, (s, v) -> RecordCases.fetch(s, v, "edge", RecordCases.at(0, 0)
            .setPartitionMaxBytes(0)).setMaxBytes(0).setMinBytes(0).setMaxWaitMs(0));
        d.once("edge: fetch of partition -1", FETCH, (s, v) -> RecordCases.fetch(s, v, "edge", RecordCases.at(-1, 0)));
        d.once("edge: fetch twice", FETCH, (s, v) -> RecordCases.fetch(s, v, "edge", RecordCases.at(0, 0), RecordCases.at(0, 2)));
        d.once("edge: fetch of the zero id", FETCH, (s, v) -> {
            FetchRequestData r = RecordCases.fetch(s, v, "edge", RecordCases.at(0, 0));
            r.topics().get(0).setTopicId(Uuid.ZERO_UUID);
            return r;
        });
        d.once("edge: a session of many mistakes", FETCH, (s, v) -> RecordCases.fetch(s, v, "edge", RecordCases.at(0, 0))
            .setSessionEpoch(-5).setSessionId(7));
        d.once("edge: producers of nothing", DESCRIBE_PRODUCERS, (s, v) -> new DescribeProducersRequestData());
        d.once("edge: producers of partition -1", DESCRIBE_PRODUCERS, (s, v) -> new DescribeProducersRequestData().setTopics(
            List.of(new DescribeProducersRequestData.TopicRequest().setName("edge").setPartitionIndexes(List.of(-1, 0, 0)))));
    }

    private void deleting() throws IOException {
        for (long offset : new long[] {0, 2, 1, -1, 4, 5, -2, Long.MAX_VALUE, Long.MIN_VALUE})
            d.once("edge: cut at " + offset, DELETE_RECORDS, (s, v) -> RecordCases.cut("edge", 0, offset));
        d.once("edge: cut the empty", DELETE_RECORDS, (s, v) -> RecordCases.cut("edge-empty", 0, -1));
        d.once("edge: cut the compacted", DELETE_RECORDS, (s, v) -> RecordCases.cut("edge-compact", 0, 1));
        d.once("edge: cut partition -1", DELETE_RECORDS, (s, v) -> RecordCases.cut("edge", -1, 0));
        d.once("edge: cut nothing", DELETE_RECORDS, (s, v) -> RecordCases.cut("edge", 0, 0).setTopics(List.of()));
        d.once("edge: fetch below the cut", FETCH, (s, v) -> RecordCases.fetch(s, v, "edge", RecordCases.at(0, 1)));
        d.once("edge: earliest after the cut", LIST_OFFSETS, (s, v) -> RecordCases.list("edge", 0, -2, -1, 0));
        d.once("edge: a time after the cut", LIST_OFFSETS, (s, v) -> RecordCases.list("edge", 0, 0, -1, 0));
    }

    private static HeartbeatRequestData heartbeat(String group, String member, int generation, String instance) {
        return new HeartbeatRequestData().setGroupId(group).setMemberId(member).setGenerationId(generation)
            .setGroupInstanceId(instance);
    }

    private void members() throws IOException {
        for (int ms : new int[] {5999, 1_800_001, 0, -1, Integer.MAX_VALUE})
            d.once("edge: join for a session of " + ms, JOIN_GROUP, (s, v) -> GroupCases.join("edge-g", "", null, "range")
                .setSessionTimeoutMs(ms));
        for (int ms : new int[] {6000, 1_800_000})
            d.once("edge: join for a session of " + ms, JOIN_GROUP, (s, v) -> GroupCases.join("edge-g" + ms, "", null, "range")
                .setSessionTimeoutMs(ms));
        d.once("edge: join with no type", JOIN_GROUP, (s, v) -> GroupCases.join("edge-t", "", null, "range").setProtocolType(""));
        d.once("edge: join as a nameless instance", JOIN_GROUP, (s, v) -> GroupCases.join("edge-n", "", "", "range"));
        for (int i = 0; i < 2; i++) {
            String which = i == 0 ? "one" : "two";
            d.once("edge: an instance joins as " + which, JOIN_GROUP, (s, v) -> GroupCases.join("edge-s", "", "instance", "range"),
                (s, m, v) -> s.known.put("edge-" + which, ((JoinGroupResponseData) m).memberId()));
            if (i > 0) break;
            d.once("edge: and syncs", SYNC_GROUP, (s, v) -> GroupCases.sync("edge-s", s.get("edge-one"), 1, true)
                .setGroupInstanceId("instance").setProtocolType("consumer").setProtocolName("range"));
        }
        d.once("edge: the first is fenced", HEARTBEAT, (s, v) -> heartbeat("edge-s", s.get("edge-one"), 1, "instance"));
        d.once("edge: the first, without its instance", HEARTBEAT, (s, v) -> heartbeat("edge-s", s.get("edge-one"), 1, null));
        d.once("edge: an instance of nobody", HEARTBEAT, (s, v) -> heartbeat("edge-s", s.get("edge-two"), 1, "other"));
        d.once("edge: the second", HEARTBEAT, (s, v) -> heartbeat("edge-s", s.get("edge-two"), 1, "instance"));
        d.once("edge: the first joins again", JOIN_GROUP, (s, v) -> GroupCases.join("edge-s", s.get("edge-one"), "instance", "range"));
        d.once("edge: the first syncs again", SYNC_GROUP, (s, v) -> GroupCases.sync("edge-s", s.get("edge-one"), 1, false)
            .setGroupInstanceId("instance"));
        d.once("edge: the first leaves", LEAVE_GROUP, (s, v) -> new LeaveGroupRequestData().setGroupId("edge-s").setMembers(List.of(
            new LeaveGroupRequestData.MemberIdentity().setMemberId(s.get("edge-one")).setGroupInstanceId("instance"),
            new LeaveGroupRequestData.MemberIdentity().setMemberId("").setGroupInstanceId("other"))));
        d.once("edge: nobody leaves", LEAVE_GROUP, (s, v) -> new LeaveGroupRequestData().setGroupId("edge-s"));
        d.once("edge: the nameless group is left", LEAVE_GROUP, (s, v) -> new LeaveGroupRequestData().setGroupId("").setMembers(
            List.of(new LeaveGroupRequestData.MemberIdentity().setMemberId("x"))));
        d.once("edge: the nameless group's heart", HEARTBEAT, (s, v) -> heartbeat("", "x", 1, null));
        d.once("edge: sync of a coming generation", SYNC_GROUP, (s, v) -> GroupCases.sync("edge-s", s.get("edge-two"), 9, false));
        d.once("edge: sync of another type", SYNC_GROUP, (s, v) -> GroupCases.sync("edge-s", s.get("edge-two"), 1, false)
            .setProtocolType("connect").setProtocolName("range"));
        d.once("edge: delete a group with a member", DELETE_GROUPS, (s, v) -> new DeleteGroupsRequestData().setGroupsNames(
            List.of("edge-s")));
        d.once("edge: describe a group twice", DESCRIBE_GROUPS, (s, v) -> new DescribeGroupsRequestData().setGroups(
            List.of("edge-s", "edge-s")).setIncludeAuthorizedOperations(true));
    }

    private OffsetCommitRequestData commit(Side s, String group, long offset, String metadata, int... partitions) {
        return new OffsetCommitRequestData().setGroupId(group).setMemberId("").setGenerationIdOrMemberEpoch(-1).setTopics(List.of(
            new OffsetCommitRequestData.OffsetCommitRequestTopic().setTopicId(s.get("edge")).setPartitions(
                java.util.Arrays.stream(partitions).mapToObj(p -> new OffsetCommitRequestData.OffsetCommitRequestPartition()
                    .setPartitionIndex(p).setCommittedOffset(offset).setCommittedMetadata(metadata)).toList())));
    }

    private void offsets() throws IOException {
        d.once("edge: commit -1", OFFSET_COMMIT, (s, v) -> commit(s, "edge-o", -1, "m", 0));
        d.once("edge: commit -2", OFFSET_COMMIT, (s, v) -> commit(s, "edge-o", -2, "m", 1));
        d.once("edge: commit the largest", OFFSET_COMMIT, (s, v) -> commit(s, "edge-o", Long.MAX_VALUE, null, 1));
        d.once("edge: commit 4096 bytes beside", OFFSET_COMMIT, (s, v) -> commit(s, "edge-o", 1, "m".repeat(4096), 0));
        d.once("edge: commit 4097 bytes beside", OFFSET_COMMIT, (s, v) -> commit(s, "edge-o", 2, "m".repeat(4097), 0));
        d.once("edge: commit for partition -1", OFFSET_COMMIT, (s, v) -> commit(s, "edge-o", 2, "", -1));
        d.once("edge: commit twice", OFFSET_COMMIT, (s, v) -> commit(s, "edge-o", 3, "", 0, 0));
        d.once("edge: commit for no partition", OFFSET_COMMIT, (s, v) -> commit(s, "edge-o", 3, ""));
        d.once("edge: commit nothing", OFFSET_COMMIT, (s, v) -> commit(s, "edge-o", 3, "").setTopics(List.of()));
        d.once("edge: commit for the zero id", OFFSET_COMMIT, (s, v) -> {
            OffsetCommitRequestData r = commit(s, "edge-o", 3, "", 0);
            r.topics().get(0).setTopicId(Uuid.ZERO_UUID);
            return r;
        });
        d.once("edge: commit as an instance of nobody", OFFSET_COMMIT, (s, v) -> commit(s, "edge-s", 3, "", 0)
            .setMemberId(s.get("edge-one")).setGenerationIdOrMemberEpoch(1).setGroupInstanceId("instance"));
        d.once("edge: commit alone where members are", OFFSET_COMMIT, (s, v) -> commit(s, "edge-s", 3, "", 0));
        d.once("edge: commit of generation -7", OFFSET_COMMIT, (s, v) -> commit(s, "edge-o", 3, "", 0)
            .setGenerationIdOrMemberEpoch(-7));
        d.ask("edge: commit with a time to keep", OFFSET_COMMIT, 2, 4, (s, v) -> new OffsetCommitRequestData().setGroupId("edge-k")
            .setMemberId("").setGenerationIdOrMemberEpoch(-1).setRetentionTimeMs(1).setTopics(List.of(
                new OffsetCommitRequestData.OffsetCommitRequestTopic().setName("edge").setPartitions(List.of(
                    new OffsetCommitRequestData.OffsetCommitRequestPartition().setPartitionIndex(0).setCommittedOffset(5))))),
            (s, m, v) -> { });
        for (String group : List.of("edge-o", "edge-k", "edge-s", ""))
            d.once("edge: offsets of '" + group + "'", OFFSET_FETCH, (s, v) -> GroupCases.fetch(group, v, s.get("edge"), "edge"));
        d.once("edge: offsets of two groups", OFFSET_FETCH, (s, v) -> {
            OffsetFetchRequestData r = GroupCases.fetch("edge-o", v, s.get("edge"), "edge");
            List<OffsetFetchRequestData.OffsetFetchRequestGroup> all = new ArrayList<>(r.groups());
            all.addAll(GroupCases.fetch("edge-k", v, s.get("edge"), "edge").groups());
            return r.setGroups(all);
        });
        d.once("edge: offsets as a member", OFFSET_FETCH, (s, v) -> {
            OffsetFetchRequestData r = GroupCases.fetch("edge-s", v, s.get("edge"), "edge");
            r.groups().get(0).setMemberId("nobody").setMemberEpoch(5);
            return r;
        });
        d.once("edge: offsets of no group", OFFSET_FETCH, (s, v) -> new OffsetFetchRequestData());
        d.once("edge: delete offsets where a member is", OFFSET_DELETE, (s, v) -> {
            OffsetDeleteRequestData r = new OffsetDeleteRequestData().setGroupId("edge-o");
            r.topics().add(new OffsetDeleteRequestData.OffsetDeleteRequestTopic().setName("edge").setPartitions(List.of(
                new OffsetDeleteRequestData.OffsetDeleteRequestPartition().setPartitionIndex(-1),
                new OffsetDeleteRequestData.OffsetDeleteRequestPartition().setPartitionIndex(1))));
            return r;
        });
    }

    private void asking() throws IOException {
        d.once("edge: list groups of a type that is none", LIST_GROUPS, (s, v) -> new ListGroupsRequestData()
            .setTypesFilter(List.of("nonsense")));
        d.once("edge: find for no key", FIND_COORDINATOR, (s, v) -> new FindCoordinatorRequestData().setCoordinatorKeys(List.of()));
        d.once("edge: metadata of a topic twice", METADATA, (s, v) -> TopicCases.names(false, "edge", "edge"));
        d.once("edge: metadata of a name and an id", METADATA, (s, v) -> new MetadataRequestData().setAllowAutoTopicCreation(false)
            .setTopics(List.of(new MetadataRequestData.MetadataRequestTopic().setName("edge").setTopicId(s.get("edge")))));
        d.once("edge: metadata that would make bad topics", METADATA, (s, v) -> TopicCases.names(true, "a b", "..", "x".repeat(250)));
        for (int limit : new int[] {0, -1, 1})
            d.once("edge: describe at most " + limit, DESCRIBE_TOPIC_PARTITIONS, (s, v) -> new DescribeTopicPartitionsRequestData()
                .setResponsePartitionLimit(limit).setTopics(List.of(
                    new DescribeTopicPartitionsRequestData.TopicRequest().setName("records"),
                    new DescribeTopicPartitionsRequestData.TopicRequest().setName("edge"),
                    new DescribeTopicPartitionsRequestData.TopicRequest().setName("edge"))));
        for (int partition : new int[] {-1, 1, 9})
            d.once("edge: describe from partition " + partition, DESCRIBE_TOPIC_PARTITIONS, (s, v) ->
                new DescribeTopicPartitionsRequestData().setCursor(new DescribeTopicPartitionsRequestData.Cursor()
                    .setTopicName("edge").setPartitionIndex(partition)).setTopics(List.of(
                        new DescribeTopicPartitionsRequestData.TopicRequest().setName("edge"),
                        new DescribeTopicPartitionsRequestData.TopicRequest().setName("records"))));
        d.once("edge: describe from a topic that is none", DESCRIBE_TOPIC_PARTITIONS, (s, v) ->
            new DescribeTopicPartitionsRequestData().setCursor(new DescribeTopicPartitionsRequestData.Cursor()
                .setTopicName("f").setPartitionIndex(0)).setTopics(List.of(
                    new DescribeTopicPartitionsRequestData.TopicRequest().setName("edge"),
                    new DescribeTopicPartitionsRequestData.TopicRequest().setName("records"))));
        d.once("edge: configurations of nothing", DESCRIBE_CONFIGS, (s, v) -> new DescribeConfigsRequestData());
        d.once("edge: configurations of no key", DESCRIBE_CONFIGS, (s, v) -> {
            DescribeConfigsRequestData r = TopicCases.describe(2, "edge");
            r.resources().get(0).setConfigurationKeys(List.of());
            return r;
        });
        d.once("edge: configurations of a topic twice", DESCRIBE_CONFIGS, (s, v) -> {
            DescribeConfigsRequestData r = TopicCases.describe(2, "edge", "retention.ms");
            List<DescribeConfigsRequestData.DescribeConfigsResource> both = new ArrayList<>(r.resources());
            both.addAll(TopicCases.describe(2, "edge", "segment.ms").resources());
            return r.setResources(both);
        });
        d.once("edge: configurations of a nameless topic", DESCRIBE_CONFIGS, (s, v) -> TopicCases.describe(2, ""));
        d.once("edge: configurations of a group", DESCRIBE_CONFIGS, (s, v) -> TopicCases.describe(32, "edge-s"));
        d.once("edge: configurations of a nameless group", DESCRIBE_CONFIGS, (s, v) -> TopicCases.describe(32, ""));
        d.once("edge: set of nothing", INCREMENTAL_ALTER_CONFIGS, (s, v) -> new IncrementalAlterConfigsRequestData());
        d.once("edge: set no key", INCREMENTAL_ALTER_CONFIGS, (s, v) -> TopicCases.incremental(2, "edge", false));
        d.once("edge: set on a nameless topic", INCREMENTAL_ALTER_CONFIGS, (s, v) -> TopicCases.incremental(2, "", false, 0,
            "retention.ms", "5"));
        d.once("edge: set a nameless key", INCREMENTAL_ALTER_CONFIGS, (s, v) -> TopicCases.incremental(2, "edge", false, 0, "", "5"));
        d.once("edge: subtract what is not there", INCREMENTAL_ALTER_CONFIGS, (s, v) -> TopicCases.incremental(2, "edge", true, 3,
            "cleanup.policy", "compact"));
        d.once("edge: append what is there", INCREMENTAL_ALTER_CONFIGS, (s, v) -> TopicCases.incremental(2, "edge", true, 2,
            "cleanup.policy", "delete"));
        d.once("edge: unset what is not set", INCREMENTAL_ALTER_CONFIGS, (s, v) -> TopicCases.incremental(2, "edge", true, 1,
            "retention.ms", null));
    }
}
