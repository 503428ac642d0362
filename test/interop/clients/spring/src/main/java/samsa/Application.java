// A plain Spring Boot application, three in one by their profiles: `default` sends and receives (Both),
// `sender` only sends (Sender), `receiver` only receives (Receiver).
package samsa;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;

@SpringBootApplication
public class Application {
    static final String TOPIC = "email.send";

    public static void main(String[] arguments) {
        SpringApplication.run(Application.class, arguments);
    }
}
