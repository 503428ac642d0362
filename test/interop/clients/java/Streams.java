// Kafka Streams, at least once: counts by a repartition topic, with state in changelogs. See ../README.md.

import java.nio.file.Files;
import java.time.Duration;
import java.util.*;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.state.*;

public class Streams {
    static final int RECORDS = 6000, WORDS = 10, WAIT_MS_MAX = 120000;
    static String bootstrap, name;

    interface Condition {
        boolean holds() throws Exception;
    }

    static void await(String what, Condition condition) throws Exception {
        Exception last = null;
        for (long end = System.currentTimeMillis() + WAIT_MS_MAX; System.currentTimeMillis() < end; Thread.sleep(50)) {
            try {
                if (condition.holds()) {
                    System.out.println("ok kafka-streams " + what);
                    return;
                }
            } catch (Exception e) {
                last = e; // a store that is not open yet, a node that is down
            }
        }
        throw new RuntimeException(what + ": not in time, last " + last);
    }

    static Topology topology() {
        Serde<String> text = Serdes.String();
        StreamsBuilder b = new StreamsBuilder();
        KGroupedStream<String, String> words = b.stream(name + "-in", Consumed.with(text, text))
            .map((k, v) -> KeyValue.pair(v.split(" ")[0], v)).groupByKey(Grouped.with(text, text));
        words.count(Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as("counts").withKeySerde(text)
            .withValueSerde(Serdes.Long())).toStream().to(name + "-out", Produced.with(text, Serdes.Long()));
        words.reduce((x, y) -> y.compareTo(x) > 0 ? y : x, Materialized.<String, String, KeyValueStore<Bytes, byte[]>>as("last")
            .withKeySerde(text).withValueSerde(text));
        return b.build();
    }

    static KafkaStreams start() throws Exception {
        Properties p = new Properties();
        p.put("application.id", name);
        p.put("bootstrap.servers", bootstrap);
        p.put("state.dir", Files.createTempDirectory("samsa-streams").toString());
        p.put("auto.offset.reset", "earliest");
        p.put("commit.interval.ms", "200");
        p.put("statestore.cache.max.bytes", "0");
        p.put("session.timeout.ms", "6000"); // a stream that closes does not leave its group
        KafkaStreams s = new KafkaStreams(topology(), p);
        s.setUncaughtExceptionHandler(e -> StreamThreadExceptionResponse.REPLACE_THREAD);
        s.start();
        return s;
    }

    static <V> Map<String, V> store(KafkaStreams s, String store) {
        Map<String, V> all = new TreeMap<>();
        ReadOnlyKeyValueStore<String, V> view = s.store(StoreQueryParameters.fromNameAndType(store,
            QueryableStoreTypes.<String, V>keyValueStore()));
        try (KeyValueIterator<String, V> i = view.all()) {
            i.forEachRemaining(kv -> all.put(kv.key, kv.value));
        }
        return all;
    }

    static long counted(KafkaStreams s) {
        return Streams.<Long>store(s, "counts").values().stream().mapToLong(n -> n).sum();
    }

    static String record(int i) {
        return String.format("w%d %06d", i % WORDS, i);
    }

    static void produce(int first, int end) throws Exception {
        List<java.util.concurrent.Future<RecordMetadata>> sent = new ArrayList<>();
        try (Producer<String, String> p = new KafkaProducer<>(Map.of("bootstrap.servers", bootstrap),
                 new StringSerializer(), new StringSerializer())) {
            for (int i = first; i < end; i++) sent.add(p.send(new ProducerRecord<>(name + "-in", "k" + i, record(i))));
        }
        for (java.util.concurrent.Future<RecordMetadata> f : sent) f.get();
    }

    /** All that came in, and went through the repartition topic, is committed. */
    static boolean allIsDone(Admin admin) throws Exception {
        Map<TopicPartition, OffsetAndMetadata> committed = admin.listConsumerGroupOffsets(name).partitionsToOffsetAndMetadata().get();
        Set<TopicPartition> sources = admin.describeTopics(List.of(name + "-in", name + "-counts-repartition")).allTopicNames().get()
            .values().stream().flatMap(t -> t.partitions().stream().map(p -> new TopicPartition(t.name(), p.partition())))
            .collect(Collectors.toSet());
        var ends = admin.listOffsets(sources.stream().collect(Collectors.toMap(tp -> tp, tp -> OffsetSpec.latest()))).all().get();
        return sources.stream().allMatch(tp -> ends.get(tp).offset() == 0
            || committed.get(tp) != null && committed.get(tp).offset() == ends.get(tp).offset());
    }

    static Map<String, Long> lastOfOutput() {
        Map<String, Long> last = new TreeMap<>();
        try (Consumer<String, Long> c = new KafkaConsumer<>(Map.of("bootstrap.servers", bootstrap), new StringDeserializer(),
                 new LongDeserializer())) {
            List<TopicPartition> all = List.of(new TopicPartition(name + "-out", 0), new TopicPartition(name + "-out", 1));
            c.assign(all);
            c.seekToBeginning(all);
            Map<TopicPartition, Long> ends = c.endOffsets(all);
            while (all.stream().anyMatch(tp -> c.position(tp) < ends.get(tp)))
                for (ConsumerRecord<String, Long> r : c.poll(Duration.ofMillis(100))) last.put(r.key(), r.value());
        }
        return last;
    }

    static void run(Admin admin) throws Exception {
        admin.createTopics(List.of(new NewTopic(name + "-in", 4, (short) 1), new NewTopic(name + "-out", 2, (short) 1))).all().get();
        KafkaStreams one = start();
        produce(0, RECORDS / 2);
        await("counts by a repartition topic", () -> counted(one) >= RECORDS / 4);
        System.out.println("KILL"); // the node goes, and comes again
        produce(RECORDS / 2, RECORDS);
        await("goes on after kill -9 of the node", () -> counted(one) >= RECORDS && allIsDone(admin));
        Map<String, Long> counts = store(one, "counts");
        Map<String, String> last = store(one, "last");
        for (int w = 0; w < WORDS; w++) {
            if (counts.get("w" + w) < RECORDS / WORDS) throw new RuntimeException("records are lost: " + counts);
            if (!last.get("w" + w).equals(record(RECORDS - WORDS + w))) throw new RuntimeException("not the last: " + last);
        }
        one.close(Duration.ofSeconds(60));
        if (!lastOfOutput().equals(counts)) throw new RuntimeException("output " + lastOfOutput() + " of " + counts);
        System.out.println("ok kafka-streams gives out what it counted");
        KafkaStreams two = start();
        await("restores from changelogs", () -> store(two, "counts").equals(counts) && store(two, "last").equals(last));
        two.close(Duration.ofSeconds(60));
    }

    public static void main(String[] arguments) {
        bootstrap = arguments[0];
        name = arguments[1];
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            run(admin);
        } catch (Exception e) {
            System.out.println("FAIL kafka-streams " + e);
        }
        System.exit(0);
    }
}
