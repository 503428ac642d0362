// MirrorMaker 2, from one cluster to another: topics, records, configurations, offsets of groups. See ../README.md.

import java.time.Duration;
import java.util.*;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.connect.mirror.MirrorMaker;

public class Mirror {
    static final int RECORDS = 1000, MORE = 300, PARTITIONS = 4, WAIT_MS_MAX = 120000;
    static final String TOPIC = "mirrored", REMOTE = "one.mirrored", GROUP = "mirrored-group";
    static String[] bootstrap;
    static Admin[] admin;

    interface Condition {
        boolean holds() throws Exception;
    }

    static void await(String what, Condition condition) throws Exception {
        Exception last = null;
        for (long end = System.currentTimeMillis() + WAIT_MS_MAX; System.currentTimeMillis() < end; Thread.sleep(100)) {
            try {
                if (condition.holds()) {
                    System.out.println("ok mirror-maker " + what);
                    return;
                }
            } catch (Exception e) {
                last = e; // not there yet
            }
        }
        throw new RuntimeException(what + ": not in time, last " + last);
    }

    static MirrorMaker maker() {
        Map<String, String> p = new HashMap<>();
        p.put("clusters", "one,two");
        p.put("one.bootstrap.servers", bootstrap[0]);
        p.put("two.bootstrap.servers", bootstrap[1]);
        p.put("one->two.enabled", "true");
        p.put("two->one.enabled", "false");
        p.put("topics", TOPIC);
        p.put("groups", GROUP);
        p.put("sync.topic.acls.enabled", "false");
        p.put("sync.group.offsets.enabled", "true");
        p.put("offset.lag.max", "0");
        p.put("two.offset.flush.interval.ms", "500"); // when the last syncs of offsets go out
        for (String f : List.of("checkpoints.topic", "heartbeats.topic", "offset-syncs.topic", "offset.storage", "status.storage",
                                "config.storage"))
            p.put(f + ".replication.factor", "1");
        p.put("replication.factor", "1");
        for (String i : List.of("sync.group.offsets", "emit.checkpoints", "emit.heartbeats", "refresh.topics", "refresh.groups",
                                "sync.topic.configs"))
            p.put(i + ".interval.seconds", "1");
        return new MirrorMaker(p, List.of("two"), org.apache.kafka.common.utils.Time.SYSTEM);
    }

    static void produce(String codec, int first, int end, int partitions) throws Exception {
        List<java.util.concurrent.Future<RecordMetadata>> sent = new ArrayList<>();
        try (Producer<String, String> p = new KafkaProducer<>(Map.of("bootstrap.servers", bootstrap[0], "compression.type", codec),
                 new StringSerializer(), new StringSerializer())) {
            for (int i = first; i < end; i++) {
                ProducerRecord<String, String> r = new ProducerRecord<>(TOPIC, i % partitions, 1700000000000L + i, "k" + i,
                    i % 50 == 0 ? null : "v" + i);
                r.headers().add("h", ("h" + i).getBytes());
                sent.add(p.send(r));
            }
        }
        for (java.util.concurrent.Future<RecordMetadata> f : sent) f.get();
    }

    static Map<TopicPartition, Long> ends(int cluster, String topic) throws Exception {
        Map<TopicPartition, OffsetSpec> asked = admin[cluster].describeTopics(List.of(topic)).allTopicNames().get().get(topic)
            .partitions().stream().collect(Collectors.toMap(p -> new TopicPartition(topic, p.partition()), p -> OffsetSpec.latest()));
        return admin[cluster].listOffsets(asked).all().get().entrySet().stream()
            .collect(Collectors.toMap(Map.Entry::getKey, e -> e.getValue().offset()));
    }

    static long count(int cluster, String topic) throws Exception {
        return ends(cluster, topic).values().stream().mapToLong(n -> n).sum();
    }

    /** Every record, by partition and in order. What MirrorMaker copied a second time, as it may when its tasks move,
        counts once. */
    static Map<Integer, List<String>> read(int cluster, String topic) throws Exception {
        Map<Integer, Set<String>> all = new TreeMap<>();
        Map<TopicPartition, Long> ends = ends(cluster, topic);
        try (Consumer<String, String> c = new KafkaConsumer<>(Map.of("bootstrap.servers", bootstrap[cluster]),
                 new StringDeserializer(), new StringDeserializer())) {
            c.assign(ends.keySet());
            c.seekToBeginning(ends.keySet());
            while (ends.keySet().stream().anyMatch(tp -> c.position(tp) < ends.get(tp)))
                for (ConsumerRecord<String, String> r : c.poll(Duration.ofMillis(100))) {
                    StringBuilder headers = new StringBuilder();
                    for (Header h : r.headers()) headers.append(h.key()).append(new String(h.value()));
                    all.computeIfAbsent(r.partition(), p -> new LinkedHashSet<>())
                        .add(r.timestamp() + " " + r.key() + "=" + r.value() + headers);
                }
        }
        return all.entrySet().stream().collect(Collectors.toMap(Map.Entry::getKey, e -> new ArrayList<>(e.getValue())));
    }

    static List<Integer> sizes(Map<Integer, List<String>> all) {
        return all.values().stream().map(List::size).toList();
    }

    /** Everything is there: a count would not tell, where some came twice. */
    static boolean same() throws Exception {
        Map<Integer, List<String>> here = read(0, TOPIC), there = read(1, REMOTE);
        if (!here.equals(there)) throw new RuntimeException("differs: " + sizes(here) + " and " + sizes(there));
        return true;
    }

    static String config(String key) throws Exception {
        return admin[1].describeConfigs(List.of(topic(REMOTE))).all().get().get(topic(REMOTE)).get(key).value();
    }

    static ConfigResource topic(String name) {
        return new ConfigResource(ConfigResource.Type.TOPIC, name);
    }

    static void commit() throws Exception {
        Map<TopicPartition, OffsetAndMetadata> all = ends(0, TOPIC).entrySet().stream()
            .collect(Collectors.toMap(Map.Entry::getKey, e -> new OffsetAndMetadata(e.getValue())));
        admin[0].alterConsumerGroupOffsets(GROUP, all).all().get();
    }

    /** A place in every partition, not beyond what is there. */
    static boolean offsetsCame() throws Exception {
        Map<TopicPartition, OffsetAndMetadata> all = admin[1].listConsumerGroupOffsets(GROUP).partitionsToOffsetAndMetadata().get();
        for (Map.Entry<TopicPartition, OffsetAndMetadata> e : all.entrySet())
            if (e.getValue().offset() > ends(1, REMOTE).get(e.getKey())) throw new RuntimeException("beyond the end: " + all);
        return all.size() == PARTITIONS && all.values().stream().allMatch(o -> o.offset() > 0);
    }

    static void run() throws Exception {
        admin[0].createTopics(List.of(new NewTopic(TOPIC, PARTITIONS, (short) 1).configs(Map.of("retention.ms", "-1",
            "max.message.bytes", "2000000")))).all().get();
        List<String> codecs = List.of("none", "gzip", "snappy", "lz4", "zstd");
        for (int i = 0; i < codecs.size(); i++)
            produce(codecs.get(i), i * RECORDS / codecs.size(), (i + 1) * RECORDS / codecs.size(), PARTITIONS);
        commit();
        MirrorMaker maker = maker();
        maker.start();
        await("makes the topic", () -> ends(1, REMOTE).size() == PARTITIONS);
        await("copies every record to its place", Mirror::same);
        await("copies configurations", () -> config("retention.ms").equals("-1") && config("max.message.bytes").equals("2000000"));
        await("translates a group's offsets", Mirror::offsetsCame);
        await("beats", () -> count(1, "heartbeats") > 0);
        admin[0].incrementalAlterConfigs(Map.of(topic(TOPIC), List.of(new AlterConfigOp(new ConfigEntry("max.message.bytes", "3000000"),
            AlterConfigOp.OpType.SET)))).all().get();
        admin[0].createPartitions(Map.of(TOPIC, NewPartitions.increaseTo(PARTITIONS + 2))).all().get();
        await("follows a change of configuration", () -> config("max.message.bytes").equals("3000000"));
        await("follows a growing topic", () -> ends(1, REMOTE).size() == PARTITIONS + 2);
        produce("lz4", RECORDS, RECORDS + MORE, PARTITIONS + 2);
        await("copies what came later", Mirror::same);
        maker.stop();
    }

    public static void main(String[] arguments) {
        bootstrap = arguments;
        admin = new Admin[] {Admin.create(Map.of("bootstrap.servers", bootstrap[0])), Admin.create(Map.of("bootstrap.servers", bootstrap[1]))};
        try {
            run();
        } catch (Exception e) {
            System.out.println("FAIL mirror-maker " + e);
        }
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }
}
