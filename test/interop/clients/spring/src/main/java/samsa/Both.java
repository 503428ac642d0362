// A producer, a listener, a topic made at start. Run twice with the same group, the second run must resume
// where the first has left off: `FIRST` and `COUNT` say which records it sends and how many it waits for.
package samsa;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.springframework.boot.CommandLineRunner;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Profile;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.kafka.config.TopicBuilder;
import org.springframework.kafka.core.KafkaTemplate;

@Configuration
@Profile("default")
class Both {
    static final int FIRST = Integer.parseInt(System.getenv("FIRST"));
    static final int COUNT = Integer.parseInt(System.getenv("COUNT"));
    final Set<String> received = ConcurrentHashMap.newKeySet();
    volatile String strange;

    @Bean
    NewTopic topic() {
        return TopicBuilder.name(Application.TOPIC).partitions(3).replicas(1).build();
    }

    @KafkaListener(topics = Application.TOPIC)
    void listen(ConsumerRecord<String, String> r) {
        if (!r.value().equals("mail " + r.key()) || !received.add(r.key())) strange = r.toString();
    }

    @Bean
    CommandLineRunner run(KafkaTemplate<String, String> template, ConfigurableApplicationContext context) {
        return arguments -> {
            for (int i = FIRST; i < FIRST + COUNT; i++)
                template.send(Application.TOPIC, Integer.toString(i), "mail " + i).get(30, TimeUnit.SECONDS);
            for (int n = 0; n < 300 && received.size() < COUNT; n++) Thread.sleep(100);
            boolean mine = received.stream().mapToInt(Integer::parseInt).allMatch(i -> i >= FIRST && i < FIRST + COUNT);
            if (received.size() == COUNT && mine && strange == null)
                System.out.println("ok spring " + FIRST);
            else
                System.out.println("FAIL spring " + FIRST + ": received " + received.size() + ", strange " + strange);
            context.close();
        };
    }
}
