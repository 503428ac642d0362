import static org.apache.kafka.common.protocol.ApiKeys.*;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.message.FetchRequestData.FetchPartition;
import org.apache.kafka.common.message.FetchRequestData.FetchTopic;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.record.internal.MemoryRecords;

/** Records: produced, fetched, looked up by time, deleted; producers and their sequences. */
final class RecordCases {
    private final Differential d;

    RecordCases(Differential d) {
        this.d = d;
    }

    void run() throws IOException {
        produce();
        idempotent();
        fetch();
        sessions();
        offsets();
        deleteRecords();
    }

    static ApiMessage produce(Side s, short v, int acks, String topic, int partition, MemoryRecords records) {
        ProduceRequestData.TopicProduceData t = new ProduceRequestData.TopicProduceData();
        if (v >= 13)
            t.setTopicId(s.known.containsKey(topic) ? s.get(topic) : new Uuid(3, 3));
        else
            t.setName(topic);
        t.partitionData().add(new ProduceRequestData.PartitionProduceData().setIndex(partition).setRecords(records));
        ProduceRequestData r = new ProduceRequestData().setAcks((short) acks).setTimeoutMs(10000);
        r.topicData().add(t);
        return r;
    }

    private void produce() throws IOException {
        d.settle();
        d.ask("produce", PRODUCE, (s, v) -> produce(s, v, -1, "records", 0, Records.plain("a" + v, "b" + v, null)));
        d.ask("produce to the leader", PRODUCE, (s, v) -> produce(s, v, 1, "records", 1, Records.plain("a" + v)));
        for (Compression codec : List.of(Compression.gzip().build(), Compression.lz4().build(), Compression.snappy().build(),
            Compression.zstd().build()))
            d.ask("produce by " + codec.type(), PRODUCE, (s, v) ->
                produce(s, v, -1, "records", 2, Records.batch(-1, -1, -1, false, codec, "x".repeat(500), "y" + v)));
        d.ask("produce with acks 2", PRODUCE, (s, v) -> produce(s, v, 2, "records", 0, Records.plain("a")));
        d.ask("produce to an unknown topic", PRODUCE, (s, v) -> produce(s, v, -1, "unknown", 0, Records.plain("a")));
        d.ask("produce to an unknown partition", PRODUCE, (s, v) -> produce(s, v, -1, "records", 9, Records.plain("a")));
        d.ask("produce a bad checksum", PRODUCE, (s, v) -> produce(s, v, -1, "records", 0, Records.spoiled(-1, 99)));
        d.ask("produce magic 1", PRODUCE, (s, v) -> produce(s, v, -1, "records", 0, Records.spoiled(16, 1)));
        d.ask("produce magic 9", PRODUCE, (s, v) -> produce(s, v, -1, "records", 0, Records.spoiled(16, 9)));
        d.ask("produce a negative size", PRODUCE, (s, v) -> produce(s, v, -1, "records", 0, Records.spoiled(8, -1)));
        d.ask("produce half a batch", PRODUCE, (s, v) -> produce(s, v, -1, "records", 0, Records.cut(10)));
        d.ask("produce nothing", PRODUCE, (s, v) -> produce(s, v, -1, "records", 0, MemoryRecords.EMPTY));
        d.ask("produce two batches", PRODUCE, (s, v) -> {
            java.nio.ByteBuffer one = Records.plain("a").buffer();
            java.nio.ByteBuffer two = java.nio.ByteBuffer.allocate(2 * one.remaining());
            two.put(one.duplicate()).put(one.duplicate()).flip();
            return produce(s, v, -1, "records", 0, MemoryRecords.readableRecords(two));
        });
        d.ask("produce too large a batch", PRODUCE, (s, v) -> produce(s, v, -1, "grow", 0, Records.plain("z".repeat(3000))));
        d.ask("produce without a key where compacted", PRODUCE, (s, v) -> produce(s, v, -1, "__consumer_offsets", 0,
            Records.plain("a")));
        d.ask("produce no topics", PRODUCE, (s, v) -> new ProduceRequestData().setAcks((short) -1).setTimeoutMs(1000));
    }

    /** The first block of producer ids is asked of the controller when the first producer comes. */
    private void awaitProducerIds() throws IOException {
        d.await(INIT_PRODUCER_ID, (s, v) -> new InitProducerIdRequestData().setTransactionalId(null)
            .setTransactionTimeoutMs(60000), m -> ((InitProducerIdResponseData) m).errorCode() == 0);
    }

    private void idempotent() throws IOException {
        awaitProducerIds();
        d.ask("a producer id", INIT_PRODUCER_ID, 0, 99, (s, v) -> new InitProducerIdRequestData().setTransactionalId(null)
            .setTransactionTimeoutMs(60000), (s, m, v) -> {
                InitProducerIdResponseData r = (InitProducerIdResponseData) m;
                s.known.put("producer", r.producerId());
                s.known.put("producer-" + v, r.producerId());
            });
        d.ask("a producer id with half a key", INIT_PRODUCER_ID, 3, 99, (s, v) -> new InitProducerIdRequestData()
            .setTransactionalId(null).setTransactionTimeoutMs(60000).setProducerId(5).setProducerEpoch((short) -1),
            (s, m, v) -> { });
        d.ask("a producer id with an old key", INIT_PRODUCER_ID, 3, 99, (s, v) -> new InitProducerIdRequestData()
            .setTransactionalId(null).setTransactionTimeoutMs(60000).setProducerId(s.<Long>get("producer"))
            .setProducerEpoch((short) 3), (s, m, v) -> { });
        d.ask("a producer id for no transaction", INIT_PRODUCER_ID, (s, v) -> new InitProducerIdRequestData()
            .setTransactionalId("").setTransactionTimeoutMs(60000));
        Object[][] steps = {{0, 0, 2, "the first"}, {0, 2, 2, "the next"}, {0, 2, 2, "a duplicate"}, {0, 0, 2, "an old duplicate"},
            {0, 9, 1, "a gap"}, {1, 0, 1, "a new epoch"}, {0, 4, 1, "the old epoch"}, {2, 5, 1, "a new epoch with a gap"},
            {1, 1, 1, "the epoch goes on"}, {1, 0, 2, "a duplicate that begins alike"}};
        for (Object[] step : steps) {
            String[] values = new String[(int) step[2]];
            java.util.Arrays.fill(values, "i");
            d.once("sequence: " + step[3], PRODUCE, (s, v) -> produce(s, v, -1, "idempotent", 0,
                Records.batch(s.<Long>get("producer"), (int) step[0], (int) step[1], false, Compression.NONE, values)));
        }
        d.once("sequence: unknown producer, no beginning", PRODUCE, (s, v) -> produce(s, v, -1, "idempotent", 1,
            Records.batch(s.<Long>get("producer"), 0, 7, false, Compression.NONE, "i")));
        d.once("describe producers", DESCRIBE_PRODUCERS, (s, v) -> {
            DescribeProducersRequestData.TopicRequest t = new DescribeProducersRequestData.TopicRequest().setName("idempotent")
                .setPartitionIndexes(List.of(0, 1, 9));
            return new DescribeProducersRequestData().setTopics(List.of(t,
                new DescribeProducersRequestData.TopicRequest().setName("unknown").setPartitionIndexes(List.of(0))));
        });
    }

    static FetchPartition at(int partition, long offset) {
        return new FetchPartition().setPartition(partition).setFetchOffset(offset).setPartitionMaxBytes(1 << 20)
            .setCurrentLeaderEpoch(-1).setLastFetchedEpoch(-1).setLogStartOffset(-1);
    }

    static FetchRequestData fetch(Side s, short v, String topic, FetchPartition... partitions) {
        FetchTopic t = new FetchTopic().setPartitions(new ArrayList<>(List.of(partitions)));
        if (v >= 13)
            t.setTopicId(s.known.containsKey(topic) ? s.get(topic) : new Uuid(3, 3));
        else
            t.setTopic(topic);
        FetchRequestData r = new FetchRequestData().setMaxWaitMs(100).setMinBytes(1).setMaxBytes(1 << 20)
            .setSessionEpoch(-1).setTopics(new ArrayList<>(List.of(t)));
        return v >= 15 ? r : r.setReplicaId(-1);
    }

    private void fetch() throws IOException {
        d.ask("fetch", FETCH, (s, v) -> fetch(s, v, "records", at(0, 0), at(1, 2), at(2, 5)));
        d.ask("fetch committed", FETCH, (s, v) -> fetch(s, v, "records", at(0, 0)).setIsolationLevel((byte) 1));
        d.ask("fetch one batch", FETCH, (s, v) -> fetch(s, v, "records", at(0, 4).setPartitionMaxBytes(1)).setMaxBytes(1));
        d.ask("fetch the end", FETCH, (s, v) -> fetch(s, v, "records", at(1, 11)));
        d.ask("fetch behind the end", FETCH, (s, v) -> fetch(s, v, "records", at(1, 1000)));
        d.ask("fetch before the start", FETCH, (s, v) -> fetch(s, v, "records", at(0, -5)));
        d.ask("fetch an unknown topic", FETCH, (s, v) -> fetch(s, v, "unknown", at(0, 0)));
        d.ask("fetch an unknown partition", FETCH, (s, v) -> fetch(s, v, "records", at(7, 0), at(0, 0)));
        d.ask("fetch of an old epoch", FETCH, 9, 99, (s, v) -> fetch(s, v, "records", at(0, 0).setCurrentLeaderEpoch(-1)),
            (s, m, v) -> { });
        d.ask("fetch of a coming epoch", FETCH, 9, 99, (s, v) -> fetch(s, v, "records", at(0, 0).setCurrentLeaderEpoch(9)),
            (s, m, v) -> { });
        d.ask("fetch of a diverging log", FETCH, 12, 99, (s, v) -> fetch(s, v, "records", at(0, 5).setCurrentLeaderEpoch(0)
            .setLastFetchedEpoch(0)), (s, m, v) -> { });
        d.ask("fetch nothing", FETCH, (s, v) -> {
            FetchRequestData r = fetch(s, v, "records", at(0, 0));
            r.topics().clear();
            return r;
        });
        d.ask("fetch as a follower that is none", FETCH, (s, v) -> v >= 15
            ? fetch(s, v, "records", at(0, 0)).setReplicaState(new FetchRequestData.ReplicaState().setReplicaId(7)
                .setReplicaEpoch(1))
            : fetch(s, v, "records", at(0, 0)).setReplicaId(7));
    }

    private void sessions() throws IOException {
        d.ask("a session begins", FETCH, 7, 99, (s, v) -> fetch(s, v, "records", at(0, 0), at(1, 11)).setSessionEpoch(0),
            (s, m, v) -> s.known.put("session-" + v, ((FetchResponseData) m).sessionId()));
        d.ask("a session goes on", FETCH, 7, 99, (s, v) -> {
            FetchRequestData r = fetch(s, v, "records", at(0, 3)).setSessionEpoch(1);
            return r.setSessionId(s.<Integer>get("session-" + v));
        }, (s, m, v) -> { });
        d.ask("a session without change", FETCH, 7, 99, (s, v) -> {
            FetchRequestData r = fetch(s, v, "records").setSessionEpoch(2).setTopics(new ArrayList<>());
            return r.setSessionId(s.<Integer>get("session-" + v));
        }, (s, m, v) -> { });
        d.ask("a session with a wrong epoch", FETCH, 7, 99, (s, v) -> fetch(s, v, "records", at(0, 0)).setSessionEpoch(9)
            .setSessionId(s.<Integer>get("session-" + v)), (s, m, v) -> { });
        d.ask("a session that is none", FETCH, 7, 99, (s, v) -> fetch(s, v, "records", at(0, 0)).setSessionEpoch(3)
            .setSessionId(12345), (s, m, v) -> { });
        d.ask("a session forgets", FETCH, 7, 99, (s, v) -> {
            FetchRequestData.ForgottenTopic gone = new FetchRequestData.ForgottenTopic().setPartitions(List.of(0));
            if (v >= 13) gone.setTopicId(s.get("records")); else gone.setTopic("records");
            FetchRequestData r = fetch(s, v, "records").setSessionEpoch(3).setTopics(new ArrayList<>());
            return r.setSessionId(s.<Integer>get("session-" + v)).setForgottenTopicsData(List.of(gone));
        }, (s, m, v) -> { });
        d.ask("a session ends", FETCH, 7, 99, (s, v) -> fetch(s, v, "records", at(0, 0)).setSessionEpoch(-1)
            .setSessionId(s.<Integer>get("session-" + v)), (s, m, v) -> { });
    }

    static ListOffsetsRequestData list(String topic, int partition, long timestamp, int epoch, int isolation) {
        ListOffsetsRequestData.ListOffsetsTopic t = new ListOffsetsRequestData.ListOffsetsTopic().setName(topic).setPartitions(
            List.of(new ListOffsetsRequestData.ListOffsetsPartition().setPartitionIndex(partition).setTimestamp(timestamp)
                .setCurrentLeaderEpoch(epoch)));
        return new ListOffsetsRequestData().setReplicaId(-1).setIsolationLevel((byte) isolation).setTopics(List.of(t));
    }

    private void offsets() throws IOException {
        for (long special = -1; special >= -7; special--) {
            long t = special;
            d.ask("offset at " + t, LIST_OFFSETS, (s, v) -> list("records", 0, t, -1, 0));
        }
        d.ask("offset at the latest, committed", LIST_OFFSETS, 2, 99, (s, v) -> list("records", 0, -1, -1, 1), (s, m, v) -> { });
        for (long t : new long[] {0, Records.TIME_MS, Records.TIME_MS + 1, Records.TIME_MS + 2, Records.TIME_MS + 100000})
            d.ask("offset at time " + (t - Records.TIME_MS), LIST_OFFSETS, (s, v) -> list("records", 0, t, -1, 0));
        d.ask("offset at a time, compressed", LIST_OFFSETS, (s, v) -> list("records", 2, Records.TIME_MS + 1, -1, 0));
        d.ask("offset of an unknown topic", LIST_OFFSETS, (s, v) -> list("unknown", 0, -1, -1, 0));
        d.ask("offset of an unknown partition", LIST_OFFSETS, (s, v) -> list("records", 9, -1, -1, 0));
        d.ask("offset of a coming epoch", LIST_OFFSETS, 4, 99, (s, v) -> list("records", 0, -1, 5, 0), (s, m, v) -> { });
        d.ask("offset twice", LIST_OFFSETS, (s, v) -> {
            ListOffsetsRequestData r = list("records", 0, -1, -1, 0);
            List<ListOffsetsRequestData.ListOffsetsTopic> both = new ArrayList<>(r.topics());
            both.addAll(list("records", 0, -2, -1, 0).topics());
            return r.setTopics(both);
        });
        int[][] epochs = {{-1, 0}, {0, 0}, {0, 5}, {5, 0}, {-1, -1}};
        for (int[] e : epochs)
            d.ask("end of epoch " + e[1] + " as of " + e[0], OFFSET_FOR_LEADER_EPOCH, (s, v) -> {
                OffsetForLeaderEpochRequestData.OffsetForLeaderTopic t =
                    new OffsetForLeaderEpochRequestData.OffsetForLeaderTopic().setTopic("records").setPartitions(List.of(
                        new OffsetForLeaderEpochRequestData.OffsetForLeaderPartition().setPartition(0)
                            .setCurrentLeaderEpoch(e[0]).setLeaderEpoch(e[1]),
                        new OffsetForLeaderEpochRequestData.OffsetForLeaderPartition().setPartition(8)
                            .setCurrentLeaderEpoch(-1).setLeaderEpoch(0)));
                OffsetForLeaderEpochRequestData r = new OffsetForLeaderEpochRequestData();
                r.topics().add(t);
                return v >= 3 ? r.setReplicaId(-1) : r;
            });
    }

    static DeleteRecordsRequestData cut(String topic, int partition, long offset) {
        return new DeleteRecordsRequestData().setTimeoutMs(10000).setTopics(List.of(
            new DeleteRecordsRequestData.DeleteRecordsTopic().setName(topic).setPartitions(List.of(
                new DeleteRecordsRequestData.DeleteRecordsPartition().setPartitionIndex(partition).setOffset(offset)))));
    }

    private void deleteRecords() throws IOException {
        d.once("set up records to cut", PRODUCE, (s, v) -> produce(s, v, -1, "cut", 0, Records.plain("a", "b", "c", "d", "e")));
        d.ask("cut", DELETE_RECORDS, (s, v) -> cut("cut", 0, 1 + v));
        d.ask("cut below the start", DELETE_RECORDS, (s, v) -> cut("cut", 0, 1));
        d.ask("cut behind the end", DELETE_RECORDS, (s, v) -> cut("cut", 0, 50));
        d.ask("cut at a bad offset", DELETE_RECORDS, (s, v) -> cut("cut", 0, -3));
        d.ask("cut all", DELETE_RECORDS, (s, v) -> cut("cut", 0, -1));
        d.ask("cut an unknown topic", DELETE_RECORDS, (s, v) -> cut("unknown", 0, 1));
        d.ask("cut an internal topic", DELETE_RECORDS, (s, v) -> cut("__consumer_offsets", 0, 1));
        d.ask("the earliest of what was cut", LIST_OFFSETS, (s, v) -> list("cut", 0, -2, -1, 0));
        d.ask("fetch what was cut", FETCH, (s, v) -> fetch(s, v, "cut", at(0, 0)));
    }
}
