import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.message.FetchResponseData;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;

/** Record batches for the cases, and responses as JSON with the records that they carry spelled out. */
final class Records {
    static final long TIME_MS = 1_500_000_000_000L;

    private Records() {
    }

    static MemoryRecords batch(long producer, int epoch, int sequence, boolean transactional, Compression codec,
                               String... values) {
        ByteBuffer buffer = ByteBuffer.allocate(65536);
        MemoryRecordsBuilder builder = MemoryRecords.builder(buffer, RecordBatch.MAGIC_VALUE_V2, codec,
            TimestampType.CREATE_TIME, 0L, TIME_MS, producer, (short) epoch, sequence, transactional,
            RecordBatch.NO_PARTITION_LEADER_EPOCH);
        for (int i = 0; i < values.length; i++)
            builder.append(TIME_MS + i, ("k" + i).getBytes(StandardCharsets.UTF_8),
                values[i] == null ? null : values[i].getBytes(StandardCharsets.UTF_8));
        return builder.build();
    }

    static MemoryRecords plain(String... values) {
        return batch(-1, -1, -1, false, Compression.NONE, values);
    }

    static MemoryRecords keyless(int count) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(65536), RecordBatch.MAGIC_VALUE_V2, Compression.NONE,
            TimestampType.CREATE_TIME, 0L);
        for (int i = 0; i < count; i++) builder.append(TIME_MS, null, "v".getBytes(StandardCharsets.UTF_8));
        return builder.build();
    }

    /** One byte changed. */
    static MemoryRecords spoiled(int at, int value) {
        ByteBuffer bytes = plain("spoiled").buffer();
        ByteBuffer copy = ByteBuffer.allocate(bytes.remaining()).put(bytes.duplicate());
        copy.flip();
        copy.put(at < 0 ? copy.limit() + at : at, (byte) value);
        return MemoryRecords.readableRecords(copy);
    }

    static MemoryRecords cut(int bytes) {
        ByteBuffer whole = plain("cut").buffer();
        whole.limit(whole.limit() - bytes);
        return MemoryRecords.readableRecords(whole.slice());
    }

    static JsonNode json(ApiMessage message, short version) {
        JsonNode json = Side.json(message, version);
        if (!(message instanceof FetchResponseData)) return json;
        FetchResponseData fetch = (FetchResponseData) message;
        for (int t = 0; t < fetch.responses().size(); t++) {
            FetchResponseData.FetchableTopicResponse topic = fetch.responses().get(t);
            for (int p = 0; p < topic.partitions().size(); p++) {
                ObjectNode partition = (ObjectNode) json.get("responses").get(t).get("partitions").get(p);
                partition.remove("recordsSizeInBytes");
                partition.set("records", spelled((MemoryRecords) topic.partitions().get(p).records()));
            }
        }
        return json;
    }

    private static JsonNode spelled(MemoryRecords records) {
        ArrayNode all = JsonNodeFactory.instance.arrayNode();
        if (records == null) return all;
        for (RecordBatch batch : records.batches()) {
            String head = batch.baseOffset() + "-" + batch.lastOffset() + " epoch " + batch.partitionLeaderEpoch() + " "
                + batch.compressionType() + " producer " + (batch.hasProducerId() ? "some" : "none") + " sequence "
                + batch.baseSequence() + " crc " + batch.isValid() + " " + batch.timestampType();
            all.add(head);
            for (Record r : batch)
                all.add(r.offset() + " at " + r.timestamp() + " " + text(r.key()) + "=" + text(r.value()));
        }
        return all;
    }

    private static String text(ByteBuffer bytes) {
        return bytes == null ? "null" : StandardCharsets.UTF_8.decode(bytes.duplicate()).toString();
    }
}
