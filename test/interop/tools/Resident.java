import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.concurrent.*;
import org.apache.kafka.common.utils.Exit;

/** Runs Apache Kafka's tools one after another in one JVM, because starting one takes a second or two.
 *
 *  Reads a line {"class": NAME, "args": [...], "stdin": TEXT} and answers with a line {"exit": STATUS,
 *  "stdout": TEXT, "stderr": TEXT}. A tool that exits stops there: its thread is parked for good, as it would
 *  have ended. */
@SuppressWarnings("removal")
public class Resident {
    private static final ThreadLocal<CompletableFuture<Integer>> CURRENT = new InheritableThreadLocal<>();

    /** Forwards to whichever stream is the command's; what caches System.out keeps this one. */
    private static final class Switch extends OutputStream {
        private volatile OutputStream target = OutputStream.nullOutputStream();

        @Override public void write(int b) throws IOException { target.write(b); }
        @Override public void write(byte[] b, int from, int len) throws IOException { target.write(b, from, len); }
    }

    private static void exit(int status) {
        CompletableFuture<Integer> done = CURRENT.get();
        if (done == null) Runtime.getRuntime().halt(status);
        done.complete(status);
        for (;;) {
            try {
                Thread.sleep(Long.MAX_VALUE);
            } catch (InterruptedException e) {
                // it has ended; it only does not know
            }
        }
    }

    public static void main(String[] args) throws Exception {
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream answers = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        Switch out = new Switch(), err = new Switch();
        System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
        List<Runnable> hooks = new CopyOnWriteArrayList<>();
        Exit.setExitProcedure((status, message) -> exit(status));
        Exit.setHaltProcedure((status, message) -> exit(status));
        Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
        java.security.Policy.setPolicy(new java.security.Policy() { // JMX asks the policy, not the manager
            @Override public boolean implies(java.security.ProtectionDomain d, java.security.Permission p) {
                return true;
            }
        });
        System.setSecurityManager(new SecurityManager() {
            @Override public void checkPermission(java.security.Permission p) { }
            @Override public void checkExit(int status) { Resident.exit(status); }
        });
        ObjectMapper json = new ObjectMapper();
        for (String line; (line = commands.readLine()) != null; ) {
            var command = json.readTree(line);
            ByteArrayOutputStream outBytes = new ByteArrayOutputStream(), errBytes = new ByteArrayOutputStream();
            out.target = outBytes;
            err.target = errBytes;
            System.setIn(new ByteArrayInputStream(command.path("stdin").asText("").getBytes(StandardCharsets.UTF_8)));
            List<String> words = new ArrayList<>();
            command.get("args").forEach(word -> words.add(word.asText()));
            CompletableFuture<Integer> done = new CompletableFuture<>();
            Thread thread = new Thread(() -> {
                CURRENT.set(done);
                try {
                    Class.forName(command.get("class").asText()).getMethod("main", String[].class)
                        .invoke(null, (Object) words.toArray(new String[0]));
                    done.complete(0);
                } catch (Throwable e) {
                    (e.getCause() != null ? e.getCause() : e).printStackTrace();
                    done.complete(1);
                }
            });
            thread.setDaemon(true);
            thread.start();
            int status = done.get();
            for (Runnable hook : hooks) hook.run();
            hooks.clear();
            System.out.flush();
            System.err.flush();
            ObjectNode answer = json.createObjectNode();
            answer.put("exit", status);
            answer.put("stdout", outBytes.toString(StandardCharsets.UTF_8));
            answer.put("stderr", errBytes.toString(StandardCharsets.UTF_8));
            answers.println(json.writeValueAsString(answer));
        }
        Runtime.getRuntime().halt(0);
    }
}
