// The receiver of docs/cluster.md: prints every mail as it comes.
package samsa;

import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.springframework.context.annotation.Profile;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.stereotype.Component;

@Component
@Profile("receiver")
class Receiver {
    @KafkaListener(topics = Application.TOPIC)
    void listen(ConsumerRecord<String, String> r) {
        System.out.println("received " + r.value());
    }
}
