// Java's kafka-clients, any release from 2.8 on. See ../scenario.md.

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.*;

public class Scenario {
    static final int RECORDS = 10000;
    static String bootstrap, name;

    static byte[] value(int i) {
        StringBuilder s = new StringBuilder("v" + i + "-");
        for (int k = 0; k < i % 200; k++) s.append('x');
        return s.toString().getBytes(StandardCharsets.UTF_8);
    }

    static Properties properties(String... pairs) {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        for (int i = 0; i < pairs.length; i += 2) p.put(pairs[i], pairs[i + 1]);
        return p;
    }

    static void create(String topic) throws Exception {
        try (AdminClient admin = AdminClient.create(properties())) {
            NewTopic t = new NewTopic(topic, 4, (short) 1).configs(Map.of("retention.ms", "-1"));
            admin.createTopics(List.of(t)).all().get();
        }
    }

    static Map<TopicPartition, Map<Long, Integer>> produce(String topic, String codec) throws Exception {
        Map<TopicPartition, Map<Long, Integer>> where = new HashMap<>();
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        Properties p = properties("compression.type", codec, "enable.idempotence", "true", "linger.ms", "5");
        try (Producer<String, byte[]> producer =
                 new KafkaProducer<>(p, new StringSerializer(), new ByteArraySerializer())) {
            for (int i = 0; i < RECORDS; i++) {
                ProducerRecord<String, byte[]> r =
                    new ProducerRecord<>(topic, null, 1700000000000L + i, "k" + i % 100, value(i));
                r.headers().add("h", Integer.toString(i).getBytes(StandardCharsets.UTF_8));
                sent.add(producer.send(r));
            }
            producer.flush();
            for (int i = 0; i < RECORDS; i++) {
                RecordMetadata m = sent.get(i).get();
                where.computeIfAbsent(new TopicPartition(topic, m.partition()), k -> new HashMap<>())
                    .put(m.offset(), i);
            }
        }
        return where;
    }

    static class Reader implements AutoCloseable {
        final KafkaConsumer<String, byte[]> consumer;
        final Map<TopicPartition, List<Long>> seen = new HashMap<>();
        final Map<TopicPartition, Map<Long, Integer>> where;

        Reader(String topic, Map<TopicPartition, Map<Long, Integer>> where) {
            this.where = where;
            consumer = new KafkaConsumer<>(
                properties("group.id", "g-" + topic, "auto.offset.reset", "earliest", "enable.auto.commit",
                           "false", "max.poll.records", "200", "heartbeat.interval.ms", "500",
                           "session.timeout.ms", "10000"),
                new StringDeserializer(), new ByteArrayDeserializer());
            consumer.subscribe(List.of(topic));
        }

        int take() {
            int count = 0;
            for (ConsumerRecord<String, byte[]> r : consumer.poll(Duration.ofMillis(200))) {
                TopicPartition at = new TopicPartition(r.topic(), r.partition());
                Integer i = where.getOrDefault(at, Map.of()).get(r.offset());
                Header h = r.headers().lastHeader("h");
                if (i == null || !Arrays.equals(r.value(), value(i)) || !r.key().equals("k" + i % 100)
                    || r.timestamp() != 1700000000000L + i || h == null
                    || !new String(h.value(), StandardCharsets.UTF_8).equals(i.toString()))
                    throw new IllegalStateException("record at " + at + " " + r.offset() + " differs");
                List<Long> offsets = seen.computeIfAbsent(at, k -> new ArrayList<>());
                offsets.add(r.offset());
                count++;
            }
            return count;
        }

        public void close() {
            consumer.close();
        }
    }

    static void consume(String topic, Map<TopicPartition, Map<Long, Integer>> where) {
        Set<String> all = new HashSet<>();
        where.forEach((p, m) -> m.keySet().forEach(o -> all.add(p + "@" + o)));
        Set<String> seen = new HashSet<>();
        long deadline = System.currentTimeMillis() + 60000;
        try (Reader one = new Reader(topic, where)) {
            int count = 0;
            while (count < 100) count += one.take();
            try (Reader two = new Reader(topic, where)) {
                while (count < RECORDS / 2 || two.seen.isEmpty()) {
                    count += one.take() + two.take();
                    if (System.currentTimeMillis() > deadline)
                        throw new IllegalStateException("the group of two stalled at " + count);
                    if (count >= RECORDS - 1000 && two.seen.isEmpty()) one.consumer.pause(one.consumer.assignment());
                }
                one.consumer.commitSync();
                two.consumer.commitSync();
                for (Reader r : List.of(one, two))
                    r.seen.forEach((p, os) -> os.forEach(o -> seen.add(p + "@" + o)));
            }
        }
        Set<String> before = new HashSet<>(seen);
        try (Reader three = new Reader(topic, where)) {
            while (seen.size() < RECORDS && System.currentTimeMillis() < deadline) {
                three.take();
                three.seen.forEach((p, os) -> os.forEach(o -> seen.add(p + "@" + o)));
            }
            three.seen.forEach((p, os) -> {
                for (int i = 1; i < os.size(); i++)
                    if (os.get(i) <= os.get(i - 1)) throw new IllegalStateException(p + " out of order");
                if (before.contains(p + "@" + os.get(0)))
                    throw new IllegalStateException(p + " did not resume: " + os.get(0));
            });
        }
        all.removeAll(seen);
        if (!all.isEmpty()) throw new IllegalStateException(all.size() + " records were never seen");
    }

    public static void main(String[] args) {
        bootstrap = args[0];
        name = args[2];
        for (String codec : new String[] {"none", "gzip", "snappy", "lz4", "zstd"}) {
            String topic = args[1] + "-" + codec;
            try {
                create(topic);
                consume(topic, produce(topic, codec));
                System.out.println("ok " + name + " " + codec);
            } catch (Throwable e) {
                System.out.println("FAIL " + name + " " + codec + " " + e);
            }
        }
        System.exit(0);
    }
}
