import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.serialization.*;

/** What only Apache Kafka writes today: transactions, committed, aborted and open, and topics that its cleaner compacted.
 *
 *  fill BOOTSTRAP     writes them, and waits until the cleaner has been there
 *  read BOOTSTRAP     prints what a consumer sees, of each isolation, and offsets by time: one line each */
public class Cleaned {
    static final TopicPartition TXN = new TopicPartition("txn", 0), OPEN = new TopicPartition("open", 0), COMPACT = new TopicPartition("compact", 0);
    static final long TIME_MS = 1_700_000_000_000L;

    static KafkaProducer<String, String> producer(String bootstrap, String id) {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        if (id != null) p.put("transactional.id", id);
        p.put("transaction.timeout.ms", "600000");
        KafkaProducer<String, String> made = new KafkaProducer<>(p, new StringSerializer(), new StringSerializer());
        if (id != null) made.initTransactions();
        return made;
    }

    static void fill(String bootstrap) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin.createTopics(List.of(new NewTopic("txn", 1, (short) 1).configs(Map.of("segment.bytes", "1048576", "retention.ms", "-1")),
                new NewTopic("open", 1, (short) 1).configs(Map.of("retention.ms", "-1")),
                new NewTopic("compact", 1, (short) 1).configs(Map.of("cleanup.policy", "compact", "segment.ms", "100",
                    "min.cleanable.dirty.ratio", "0.01")))).all().get();
        }
        try (var one = producer(bootstrap, "one"); var two = producer(bootstrap, "two"); var plain = producer(bootstrap, null)) {
            for (int i = 0; i < 30; i++) {
                one.beginTransaction();
                two.beginTransaction();
                for (int k = 0; k < 60; k++) {
                    one.send(new ProducerRecord<>("txn", 0, TIME_MS + i * 1000 - k, "one " + i, "x".repeat(900) + k)).get();
                    if (k % 3 == 0) two.send(new ProducerRecord<>("txn", 0, TIME_MS + i * 1000 + k, "two " + i, "y" + k)).get();
                }
                plain.send(new ProducerRecord<>("txn", 0, TIME_MS, "plain", "p" + i)).get();
                if (i % 3 == 0) one.abortTransaction(); else one.commitTransaction();
                if (i % 2 == 0) two.abortTransaction(); else two.commitTransaction();
            }
            two.beginTransaction();
            plain.send(new ProducerRecord<>("open", 0, TIME_MS, "plain", "before")).get();
            two.send(new ProducerRecord<>("open", 0, TIME_MS, "two", "open")).get();
            plain.send(new ProducerRecord<>("open", 0, TIME_MS, "plain", "behind")).get();
            compact(bootstrap, plain);
            System.out.println("filled");
            System.out.flush();
            Runtime.getRuntime().halt(0); // the last transaction stays open
        }
    }

    /** Keys over and over, some of them deleted, until the cleaner has left gaps. */
    static void compact(String bootstrap, KafkaProducer<String, String> producer) throws Exception {
        for (int i = 0; i < 3000; i++)
            producer.send(new ProducerRecord<>("compact", 0, TIME_MS + i, "k" + i % 300, i % 7 == 0 ? null : "v" + i));
        producer.flush();
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(120);
        while (System.nanoTime() < deadline) {
            long end = producer.send(new ProducerRecord<>("compact", 0, TIME_MS + 5000, "tick", "t")).get().offset();
            if (records(bootstrap, COMPACT, "read_uncommitted").size() < end / 2) return;
            Thread.sleep(200);
        }
        throw new IllegalStateException("the cleaner did not come");
    }

    static List<ConsumerRecord<String, String>> records(String bootstrap, TopicPartition partition, String isolation) {
        Map<String, Object> c = Map.of("bootstrap.servers", bootstrap, "isolation.level", isolation, "enable.auto.commit", "false");
        List<ConsumerRecord<String, String>> all = new ArrayList<>();
        try (var consumer = new KafkaConsumer<>(c, new StringDeserializer(), new StringDeserializer())) {
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            long end = consumer.endOffsets(List.of(partition)).get(partition), deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
            while (consumer.position(partition) < end && System.nanoTime() < deadline)
                all.addAll(consumer.poll(Duration.ofMillis(200)).records(partition));
            System.out.println(isolation + " " + partition + " ends at " + consumer.position(partition));
        }
        return all;
    }

    static void read(String bootstrap) throws Exception {
        for (TopicPartition p : List.of(TXN, OPEN, COMPACT))
            for (String isolation : List.of("read_uncommitted", "read_committed"))
                for (var r : records(bootstrap, p, isolation))
                    System.out.println(isolation + " " + p + " " + r.offset() + " " + r.timestamp() + " " + r.key() + "=" + r.value());
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            for (long time = TIME_MS - 1000; time < TIME_MS + 32000; time += 333) {
                var asked = admin.listOffsets(Map.of(TXN, OffsetSpec.forTimestamp(time), COMPACT, OffsetSpec.forTimestamp(time)));
                System.out.println(time + " " + asked.partitionResult(TXN).get() + " " + asked.partitionResult(COMPACT).get());
            }
        }
    }

    public static void main(String[] args) throws Exception {
        if (args[0].equals("fill")) fill(args[1]); else read(args[1]);
        System.out.println("done");
    }
}
