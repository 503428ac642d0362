import static org.apache.kafka.common.protocol.ApiKeys.*;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.zip.CRC32C;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.record.internal.MemoryRecords;

/** Batches that say of themselves what is not so, sequences and epochs at their bounds, fetches of odd measures, and what a
 * broker is told to become while it runs. */
final class OddCases {
    /** Places in a batch's header. */
    private static final int CRC = 17, ATTRIBUTES = 21, LAST_DELTA = 23, BASE_TIME = 27, MAX_TIME = 35, COUNT = 57, RECORDS = 61;
    private final Differential d;

    OddCases(Differential d) {
        this.d = d;
    }

    void run() throws IOException {
        for (String name : List.of("odd", "odd-ids", "odd-wide", "odd-strict"))
            d.once("set up topic " + name, CREATE_TOPICS, (s, v) -> TopicCases.create(false, name.equals("odd-wide")
                ? TopicCases.topic(name, 1, 1, "max.message.bytes", "100000") : TopicCases.topic(name, 1, 1)), (s, m, v) -> {
                CreateTopicsResponseData.CreatableTopicResult r = ((CreateTopicsResponseData) m).topics().find(name);
                s.known.put(name, r.topicId());
                for (long id = 5000; id < 5010; id++) s.labels.name("producer " + id, "<odd " + id + ">");
                s.labels.name("producer " + Long.MAX_VALUE, "<the last>");
                s.labels.name("producer 0", "<producer 0>");
                s.labels.name(r.topicId().toString(), "<id of " + name + ">");
            });
        d.settle();
        headers();
        records();
        sizes();
        sequences();
        fetches();
        brokers();
    }

    private interface Change {
        void of(ByteBuffer batch);
    }

    /** A batch changed, its checksum made good. */
    private static MemoryRecords changed(MemoryRecords from, Change change) {
        ByteBuffer batch = ByteBuffer.allocate(from.sizeInBytes()).put(from.buffer().duplicate()).flip();
        change.of(batch);
        CRC32C crc = new CRC32C();
        crc.update(batch.duplicate().position(ATTRIBUTES));
        batch.putInt(CRC, (int) crc.getValue());
        return MemoryRecords.readableRecords(batch);
    }

    private void produce(String name, String topic, MemoryRecords records) throws IOException {
        d.once("odd: " + name, PRODUCE, (s, v) -> RecordCases.produce(s, v, -1, topic, 0, records));
    }

    private void header(String name, Change change) throws IOException {
        produce(name, "odd", changed(Records.plain("a", "b", "c"), change));
    }

    private void headers() throws IOException {
        for (int n : new int[] {-1, 0, 1, 2, 4, 5, Integer.MAX_VALUE}) header("a count of " + n + " for 3", b -> b.putInt(COUNT, n));
        for (int n : new int[] {-1, 0, 1, 3, Integer.MAX_VALUE}) header("a last delta of " + n + " for 2", b -> b.putInt(LAST_DELTA, n));
        header("count and delta of one", b -> b.putInt(COUNT, 1).putInt(LAST_DELTA, 0));
        header("count and delta of four", b -> b.putInt(COUNT, 4).putInt(LAST_DELTA, 3));
        header("no records by count and delta", b -> b.putInt(COUNT, 0).putInt(LAST_DELTA, -1));
        for (int bits : new int[] {8, 16, 32, 48, 64, 128, 256, 0x4000, 0x8000, 5, 6, 7})
            header("attributes " + bits, b -> b.putShort(ATTRIBUTES, (short) bits));
        for (long t : new long[] {-1, 0, Records.TIME_MS + 1, Long.MAX_VALUE, Long.MIN_VALUE})
            header("a largest time of " + t, b -> b.putLong(MAX_TIME, t));
        for (long t : new long[] {-1, -2, Long.MAX_VALUE, Long.MIN_VALUE})
            header("a first time of " + t, b -> b.putLong(BASE_TIME, t));
        for (long o : new long[] {-1, 7, Long.MAX_VALUE, Long.MIN_VALUE})
            header("a base offset of " + o, b -> b.putLong(0, o));
        for (int e : new int[] {0, 7, -2, Integer.MAX_VALUE}) header("a leader epoch of " + e, b -> b.putInt(12, e));
        d.once("odd: what was taken", FETCH, (s, v) -> RecordCases.fetch(s, v, "odd", RecordCases.at(0, 0)));
    }

    private static void varlong(ByteArrayOutputStream out, long value) {
        long z = value << 1 ^ value >> 63;
        for (; (z & ~0x7FL) != 0; z >>>= 7) out.write((int) (z & 0x7F | 0x80));
        out.write((int) z);
    }

    /** One record by its numbers: the length is made to fit, and `more` added to it. */
    private static byte[] record(int attributes, long time, int delta, int key, int value, int headers, int more, byte... rest) {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        body.write(attributes);
        varlong(body, time);
        varlong(body, delta);
        varlong(body, key);
        for (int i = 0; i < key && i < 9; i++) body.write('k');
        varlong(body, value);
        for (int i = 0; i < value && i < 9; i++) body.write('v');
        varlong(body, headers);
        body.writeBytes(rest);
        ByteArrayOutputStream whole = new ByteArrayOutputStream();
        varlong(whole, body.size() + more);
        whole.writeBytes(body.toByteArray());
        return whole.toByteArray();
    }

    private static MemoryRecords batch(byte[]... records) {
        int size = 0;
        for (byte[] r : records) size += r.length;
        ByteBuffer head = Records.plain("x").buffer().duplicate(), whole = ByteBuffer.allocate(RECORDS + size);
        for (int i = 0; i < RECORDS; i++) whole.put(head.get());
        for (byte[] r : records) whole.put(r);
        whole.flip();
        whole.putInt(8, RECORDS + size - 12).putInt(LAST_DELTA, records.length - 1).putInt(COUNT, records.length);
        return changed(MemoryRecords.readableRecords(whole), b -> { });
    }

    private void records() throws IOException {
        byte[] fine = record(0, 0, 0, 1, 1, 0, 0);
        produce("a plain record", "odd", batch(fine));
        produce("a record with attributes", "odd", batch(record(1, 0, 0, 1, 1, 0, 0)));
        for (int delta : new int[] {-1, 1, Integer.MAX_VALUE, Integer.MIN_VALUE})
            produce("stricter: an offset delta of " + delta, "odd-strict", batch(record(0, 0, delta, 1, 1, 0, 0)));
        produce("stricter: offset deltas twice", "odd-strict", batch(fine, fine));
        produce("stricter: offset deltas backwards", "odd-strict", batch(record(0, 0, 1, 1, 1, 0, 0), fine));
        produce("stricter: offset deltas with a gap", "odd-strict", batch(fine, record(0, 0, 2, 1, 1, 0, 0)));
        for (long time : new long[] {-1, -Records.TIME_MS, -Records.TIME_MS - 1, Long.MAX_VALUE, Long.MIN_VALUE})
            produce("a time delta of " + time, "odd", batch(record(0, time, 0, 1, 1, 0, 0)));
        for (int size : new int[] {-1, -2, 100, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
            String how = size < -1 ? "stricter: " : "", topic = size < -1 ? "odd-strict" : "odd";
            produce(how + "a key of " + size, topic, batch(record(0, 0, 0, size, 1, 0, 0)));
            produce(how + "a value of " + size, topic, batch(record(0, 0, 0, 1, size, 0, 0)));
            produce(size + " headers", "odd", batch(record(0, 0, 0, 1, 1, size, 0)));
        }
        produce("a header", "odd", batch(record(0, 0, 0, 1, 1, 1, 0, (byte) 2, (byte) 'h', (byte) 2, (byte) 'v')));
        produce("a header with a null value", "odd", batch(record(0, 0, 0, 1, 1, 1, 0, (byte) 2, (byte) 'h', (byte) 1)));
        produce("a header with a null key", "odd", batch(record(0, 0, 0, 1, 1, 1, 0, (byte) 1, (byte) 2, (byte) 'v')));
        produce("bytes behind a record's end", "odd", batch(record(0, 0, 0, 1, 1, 0, 0, (byte) 7)));
        for (int more : new int[] {-1, 1, -1000, Integer.MAX_VALUE - 1000})
            produce("a record " + more + " too long", "odd", batch(record(0, 0, 0, 1, 1, 0, more)));
        d.once("odd: what records were taken", FETCH, (s, v) -> RecordCases.fetch(s, v, "odd", RecordCases.at(0, 0)));
    }

    private static MemoryRecords sized(int bytes) {
        int value = bytes - RECORDS - 20;
        for (MemoryRecords m; (m = Records.plain("x".repeat(value))).sizeInBytes() <= bytes; value++)
            if (m.sizeInBytes() == bytes) return m;
        throw new IllegalStateException("no batch of " + bytes);
    }

    private void sizes() throws IOException {
        produce("exactly the largest batch", "odd-wide", sized(100000));
        produce("one byte more", "odd-wide", sized(100001));
        d.once("odd: the largest is read in a byte", FETCH, (s, v) -> RecordCases.fetch(s, v, "odd-wide",
            RecordCases.at(0, 0).setPartitionMaxBytes(1)).setMaxBytes(1));
    }

    private void sequences() throws IOException {
        Object[][] steps = {{5000, 0, 0, 2, "begins"}, {5000, 0, Integer.MAX_VALUE, 1, "leaps to the last"},
            {5001, 0, Integer.MAX_VALUE - 1, 2, "of a new producer up to the last"}, {5001, 0, 0, 1, "wraps to zero"},
            {5001, 0, 1, 1, "goes on"}, {5002, 0, Integer.MAX_VALUE, 2, "wraps inside a batch"},
            {5002, 0, 1, 1, "goes on behind it"}, {5002, 0, Integer.MAX_VALUE, 2, "the wrapped batch again"},
            {5003, 32767, 0, 1, "at the last epoch"}, {5003, 0, 0, 1, "at epoch zero after the last"},
            {5003, 32767, 1, 1, "at the last epoch again"}, {5004, 3, 5, 1, "of a new producer, not from zero"},
            {5004, 3, 6, 1, "and goes on"}, {5004, 3, 5, 1, "and again"}, {5004, 4, 6, 1, "of a new epoch, not from zero"},
            {5004, 4, 0, 1, "of a new epoch"}, {5004, -1, 1, 1, "without an epoch"}, {5004, 4, -1, 1, "without a sequence"},
            {-1, 4, 1, 1, "with an epoch and no producer"}, {-2, 0, 0, 1, "of producer -2"}, {0, 0, 0, 1, "of producer 0"},
            {5004, -2, 1, 1, "of epoch -2"}, {5004, 4, -2, 1, "from -2"}, {Long.MAX_VALUE, 0, 0, 1, "of the last producer"}};
        for (Object[] step : steps) {
            String[] values = new String[(int) step[3]];
            java.util.Arrays.fill(values, "i");
            long producer = ((Number) step[0]).longValue();
            MemoryRecords plain = Records.batch(9, 0, 0, false, Compression.NONE, values);
            produce("a sequence " + step[4], "odd-ids", changed(plain, b ->
                b.putLong(43, producer).putShort(51, (short) (int) step[1]).putInt(53, (int) step[2])));
        }
        d.once("odd: two batches of a producer", PRODUCE, (s, v) -> {
            ByteBuffer one = Records.batch(5010, 0, 0, false, Compression.NONE, "a").buffer();
            ByteBuffer two = Records.batch(5010, 0, 1, false, Compression.NONE, "b").buffer();
            ByteBuffer both = ByteBuffer.allocate(one.remaining() + two.remaining()).put(one.duplicate()).put(two.duplicate()).flip();
            return RecordCases.produce(s, v, -1, "odd-ids", 0, MemoryRecords.readableRecords(both));
        });
        d.once("odd: producers there", DESCRIBE_PRODUCERS, (s, v) -> new DescribeProducersRequestData().setTopics(List.of(
            new DescribeProducersRequestData.TopicRequest().setName("odd-ids").setPartitionIndexes(List.of(0)))));
        d.once("odd: what sequences were taken", FETCH, (s, v) -> RecordCases.fetch(s, v, "odd-ids", RecordCases.at(0, 0)));
    }

    private void fetches() throws IOException {
        for (int level : new int[] {2, 9, -1})
            d.once("odd: fetch by isolation " + level, FETCH, (s, v) -> RecordCases.fetch(s, v, "odd-wide", RecordCases.at(0, 0))
                .setIsolationLevel((byte) level));
        for (int level : new int[] {2, -1})
            d.once("odd: offsets by isolation " + level, LIST_OFFSETS, (s, v) -> RecordCases.list("odd-wide", 0, -1, -1, 0)
                .setIsolationLevel((byte) level));
        d.once("odd: offsets by isolation 2 of the debugging consumer", LIST_OFFSETS, (s, v) -> RecordCases.list("odd-wide", 0, -1, -1, 2)
            .setReplicaId(-2));
        for (int bytes : new int[] {-1, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
            d.once("odd: fetch of " + bytes + " of a partition", FETCH, (s, v) -> RecordCases.fetch(s, v, "odd-wide",
                RecordCases.at(0, 0).setPartitionMaxBytes(bytes)));
            d.once("odd: fetch of at most " + bytes, FETCH, (s, v) -> RecordCases.fetch(s, v, "odd-wide", RecordCases.at(0, 0))
                .setMaxBytes(bytes));
            d.once("odd: fetch of at least " + bytes, FETCH, (s, v) -> RecordCases.fetch(s, v, "odd-wide", RecordCases.at(0, 0))
                .setMinBytes(bytes));
        }
        d.once("odd: fetch in less than no time", FETCH, (s, v) -> RecordCases.fetch(s, v, "odd-wide", RecordCases.at(0, 1))
            .setMaxWaitMs(-1));
        for (int epoch : new int[] {-2, 0, 1, 5, Integer.MAX_VALUE})
            d.once("odd: fetch behind epoch " + epoch, FETCH, (s, v) -> RecordCases.fetch(s, v, "odd-wide", RecordCases.at(0, 1)
                .setLastFetchedEpoch(epoch)));
        d.once("odd: fetch as an observer", FETCH, (s, v) -> {
            FetchRequestData r = RecordCases.fetch(s, v, "odd-wide", RecordCases.at(0, 0));
            r.replicaState().setReplicaId(-2);
            return r;
        });
        d.once("odd: forget what no session has", FETCH, (s, v) -> RecordCases.fetch(s, v, "odd-wide", RecordCases.at(0, 0))
            .setForgottenTopicsData(List.of(new FetchRequestData.ForgottenTopic().setTopicId(s.get("odd")).setPartitions(List.of(0)))));
    }

    private void broker(String what, String key, String value) throws IOException {
        for (String id : List.of("1", ""))
            d.once("odd: " + what + " of broker '" + id + "'", INCREMENTAL_ALTER_CONFIGS, (s, v) ->
                TopicCases.incremental(4, id, true, value == null ? 1 : 0, key, value));
    }

    private void brokers() throws IOException {
        String[][] all = {{"num.io.threads", "17"}, {"num.io.threads", "3"}, {"num.io.threads", "16"}, {"background.threads", "4"},
            {"num.replica.fetchers", "3"}, {"num.recovery.threads.per.data.dir", "5"}, {"num.network.threads", "7"},
            {"log.cleaner.threads", "20"}, {"log.cleaner.dedupe.buffer.size", "1"}, {"ssl.keystore.type", "JKS"},
            {"ssl.truststore.location", "/x"}, {"listener.name.plaintext.ssl.keystore.type", "JKS"}, {"log.retention.ms", "-2"},
            {"max.connections.per.ip", "0"}, {"max.connection.creation.rate", "0"}, {"log.cleanup.policy", "delete,delete"}};
        for (String[] c : all) broker(c[0] + "=" + c[1], c[0], c[1]);
        broker("unset threads", "num.io.threads", null);
        d.once("odd: set two fixed keys", INCREMENTAL_ALTER_CONFIGS, (s, v) -> TopicCases.incremental(4, "1", true, 0, "node.id",
            "5", 0, "process.roles", "broker"));
        d.once("set up odd: a rate and a listener's key", INCREMENTAL_ALTER_CONFIGS, (s, v) -> TopicCases.incremental(4, "1", false, 0,
            "leader.replication.throttled.rate", "5000000000", 0, "listener.name.plaintext.max.connections", "10", 0,
            "listener.name.plaintext.ssl.keystore.password", "secret", 0, "some.plugin.key", "x"));
        d.once("set up odd: a rate of all", INCREMENTAL_ALTER_CONFIGS, (s, v) -> TopicCases.incremental(4, "", false, 0,
            "leader.replication.throttled.rate", "7000000000"));
        for (String id : List.of("1", ""))
            d.await(DESCRIBE_CONFIGS, (s, v) -> TopicCases.describe(4, id, "leader.replication.throttled.rate"), m -> {
                List<?> r = ((DescribeConfigsResponseData) m).results().get(0).configs();
                return !r.isEmpty() && ((DescribeConfigsResponseData.DescribeConfigsResourceResult) r.get(0)).synonyms().size()
                    == (id.isEmpty() ? 1 : 2);
            });
        for (String id : List.of("1", ""))
            d.ask("odd: describe broker '" + id + "'", DESCRIBE_CONFIGS, (s, v) -> TopicCases.describe(4, id,
                "leader.replication.throttled.rate", "listener.name.plaintext.max.connections",
                "listener.name.plaintext.ssl.keystore.password", "some.plugin.key"));
        for (String policy : List.of("delete,delete", "delete, delete", "compact,delete,compact"))
            d.once("odd: create with " + policy, CREATE_TOPICS, (s, v) -> TopicCases.create(true, TopicCases.topic("odd-p", 1, 1,
                "cleanup.policy", policy)));
        d.once("odd: set a policy twice", INCREMENTAL_ALTER_CONFIGS, (s, v) -> TopicCases.incremental(2, "odd", false, 0,
            "cleanup.policy", "delete, delete"));
    }
}
