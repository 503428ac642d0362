// The sender of docs/cluster.md: a mail every 20 ms, each acknowledged before the next, until the
// process is told to stop. Prints every one that was acknowledged, and every error, which there is to be none of.
package samsa;

import org.springframework.boot.CommandLineRunner;
import org.springframework.context.annotation.Profile;
import org.springframework.context.event.ContextClosedEvent;
import org.springframework.context.event.EventListener;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.stereotype.Component;

@Component
@Profile("sender")
class Sender implements CommandLineRunner {
    static final int PAUSE_MS = 20;
    private final KafkaTemplate<String, String> template;
    private final Thread thread = new Thread(this::send);
    private volatile boolean closing;

    Sender(KafkaTemplate<String, String> template) {
        this.template = template;
    }

    @Override
    public void run(String... arguments) {
        thread.start();
    }

    private void send() {
        for (int i = 1; !closing; i++) {
            try {
                template.send(Application.TOPIC, Integer.toString(i), "mail " + i).get();
                System.out.println("sent mail " + i);
                Thread.sleep(PAUSE_MS);
            } catch (Exception e) {
                System.out.println("error: mail " + i + ": " + e);
            }
        }
    }

    @EventListener
    void close(ContextClosedEvent event) throws InterruptedException {
        closing = true;
        thread.join();
        System.out.println("closed");
    }
}
