#!/usr/bin/env python3
"""What was written for a Kafka distribution, on Samsa: the configuration files that Apache Kafka ships, the commands
of its documentation, and scripts that know a distribution by its path. The same lines run on Apache Kafka:

    test/interop/distribution.py [HOME]     HOME: a laid-out Apache Kafka in place of this checkout

Runs itself in namespaces of its own (the files have fixed ports and directories), needs root."""
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cluster_walk import Terminal  # noqa: E402
from lib import ROOT, Count  # noqa: E402
from namespaces import inside_namespaces  # noqa: E402

SECONDS_MAX = 120
ONE = {"offsets.topic.replication.factor": 1, "share.coordinator.state.topic.replication.factor": 1,
       "share.coordinator.state.topic.min.isr": 1, "transaction.state.log.replication.factor": 1,
       "transaction.state.log.min.isr": 1}
COMMON = {"num.network.threads": 3, "num.io.threads": 8, "socket.send.buffer.bytes": 102400,
          "socket.receive.buffer.bytes": 102400, "socket.request.max.bytes": 104857600, "num.partitions": 1,
          "num.recovery.threads.per.data.dir": 2, **ONE, "log.retention.hours": 168,
          "log.segment.bytes": 1073741824, "log.retention.check.interval.ms": 300000}
PROTOCOLS = "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL"
# Every key of the three files of Apache Kafka 4.3.1's config/, with its value.
SHIPPED = {
    "server": {"process.roles": "broker,controller", "node.id": 1,
               "controller.quorum.bootstrap.servers": "localhost:9093",
               "listeners": "PLAINTEXT://:9092,CONTROLLER://:9093", "inter.broker.listener.name": "PLAINTEXT",
               "advertised.listeners": "PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093",
               "controller.listener.names": "CONTROLLER", "listener.security.protocol.map": PROTOCOLS,
               "log.dirs": "/tmp/kraft-combined-logs", **COMMON},
    "controller": {"process.roles": "controller", "node.id": 1,
                   "controller.quorum.bootstrap.servers": "localhost:9093", "listeners": "CONTROLLER://:9093",
                   "advertised.listeners": "CONTROLLER://localhost:9093", "controller.listener.names": "CONTROLLER",
                   "log.dirs": "/tmp/kraft-controller-logs", **COMMON},
    "broker": {"process.roles": "broker", "node.id": 2, "controller.quorum.bootstrap.servers": "localhost:9093",
               "listeners": "PLAINTEXT://localhost:9092", "inter.broker.listener.name": "PLAINTEXT",
               "advertised.listeners": "PLAINTEXT://localhost:9092", "controller.listener.names": "CONTROLLER",
               "listener.security.protocol.map": PROTOCOLS, "log.dirs": "/tmp/kraft-broker-logs", **COMMON},
}

# The quickstart of Apache Kafka's documentation; $SAID is where its server writes.
QUICKSTART = """
KAFKA_CLUSTER_ID="$(bin/kafka-storage.sh random-uuid)"
bin/kafka-storage.sh format --standalone -t $KAFKA_CLUSTER_ID -c config/server.properties
"""
TALK = """
bin/kafka-topics.sh --create --topic quickstart-events --bootstrap-server localhost:9092
bin/kafka-topics.sh --describe --topic quickstart-events --bootstrap-server localhost:9092
printf 'This is my first event\\nThis is my second event\\n' | bin/kafka-console-producer.sh --topic quickstart-events --bootstrap-server localhost:9092
bin/kafka-console-consumer.sh --topic quickstart-events --from-beginning --max-messages 2 --bootstrap-server localhost:9092
"""
APART = """
KAFKA_CLUSTER_ID="$(bin/kafka-storage.sh random-uuid)"
bin/kafka-storage.sh format --cluster-id $KAFKA_CLUSTER_ID --standalone --config config/controller.properties
bin/kafka-storage.sh format --cluster-id $KAFKA_CLUSTER_ID --config config/broker.properties
"""

# A script as people have them: it knows a distribution by its path alone, and sets what a JVM would want.
SCRIPT = r"""#!/usr/bin/env bash
set -euo pipefail
kafka=$1 data=$2 n=3
export KAFKA_HEAP_OPTS="-Xms64m -Xmx256m" KAFKA_OPTS="-Dsome.thing=x" KAFKA_JVM_PERFORMANCE_OPTS="-XX:+UseSerialGC"
cluster=$("$kafka/bin/kafka-storage.sh" random-uuid)
voters=
for ((i = 1; i <= n; i++)); do voters+=${voters:+,}$i@127.0.0.1:1${i}093; done
for ((i = 1; i <= n; i++)); do
    mkdir -p "$data/$i"
    sed -e "s/^node.id=.*/node.id=$i/" -e "s|^log.dirs=.*|log.dirs=$data/$i/logs|" \
        -e "s|^listeners=.*|listeners=PLAINTEXT://127.0.0.1:1${i}092,CONTROLLER://127.0.0.1:1${i}093|" \
        -e "s|^advertised.listeners=.*|advertised.listeners=PLAINTEXT://127.0.0.1:1${i}092|" \
        -e "s|^controller.quorum.bootstrap.servers=.*|controller.quorum.voters=$voters|" \
        "$kafka/config/server.properties" >"$data/$i/server.properties"
    "$kafka/bin/kafka-storage.sh" format -t "$cluster" -c "$data/$i/server.properties" >"$data/$i/format"
    LOG_DIR="$data/$i/said/here" "$kafka/bin/kafka-server-start.sh" -daemon "$data/$i/server.properties" \
        --override default.replication.factor=3 --override num.partitions=4
done
servers=127.0.0.1:11092,127.0.0.1:12092,127.0.0.1:13092
for ((i = 1; i <= n; i++)); do
    until grep -q 'Kafka\s*Server.*started' "$data/$i/said/here/kafkaServer.out"; do sleep 0.2; done
done
until "$kafka/bin/kafka-broker-api-versions.sh" --bootstrap-server $servers | grep -c 'id: ' | grep -qx 3; do sleep 0.2; done
"$kafka/bin/kafka-topics.sh" --bootstrap-server $servers --create --topic scripted
seq 1 100 | "$kafka/bin/kafka-console-producer.sh" --bootstrap-server $servers --topic scripted --producer-property acks=all
"$kafka/bin/kafka-topics.sh" --bootstrap-server $servers --describe --topic scripted | awk '/PartitionCount/{print "partitions", $6}'
"$kafka/bin/kafka-get-offsets.sh" --bootstrap-server $servers --topic scripted | awk -F: '{s+=$3} END{print "records", s}'
"$kafka/bin/kafka-console-consumer.sh" --bootstrap-server $servers --topic scripted --from-beginning --max-messages 100 \
    --group readers 2>/dev/null | sort -n | tail -1
"$kafka/bin/kafka-consumer-groups.sh" --bootstrap-server $servers --describe --group readers 2>/dev/null |
    awk 'NR>2{s+=$6} END{print "lag", s+0}'
"$kafka/bin/kafka-metadata-quorum.sh" --bootstrap-server $servers describe --status | grep LeaderId | awk '{print "leads", ($2 > 0)}'
for ((i = 1; i <= n; i++)); do "$kafka/bin/kafka-server-stop.sh" --node-id=$i; done
while "$kafka/bin/kafka-server-stop.sh" >/dev/null; do sleep 0.2; done
echo stopped
"""
SCRIPT_SAYS = "partitions 4\nrecords 100\n100\nlag 0\nleads 1\nstopped\n"
SHARED = os.path.join(ROOT, "..", "shared", "tools", "apache-kafka-cluster")


def layout(home):
    """A directory with the distribution's bin/ and the configuration files that Apache Kafka ships."""
    directory = tempfile.mkdtemp(prefix="distribution-")
    os.mkdir(os.path.join(directory, "bin"))  # of its own, so that bin/.. is here
    for name in ("libs", "samsa", *(os.path.join("bin", n) for n in os.listdir(os.path.join(home, "bin")))):
        if os.path.exists(os.path.join(home, name)):
            os.symlink(os.path.join(home, name), os.path.join(directory, name))
    os.mkdir(os.path.join(directory, "config"))
    for name, properties in SHIPPED.items():
        with open(os.path.join(directory, "config", f"{name}.properties"), "w", encoding="utf-8") as f:
            f.writelines(f"{k}={v}\n" for k, v in properties.items())
    shipped = os.path.join(home, "config", "log4j2.yaml")
    if os.path.exists(shipped):
        shutil.copy(shipped, os.path.join(directory, "config"))
    return directory


class Server:
    """bin/kafka-server-start.sh of that directory, in the background."""

    def __init__(self, directory, name):
        self.path = os.path.join(directory, f"{name}.out")
        with open(self.path, "wb") as out:
            self.process = subprocess.Popen(["bin/kafka-server-start.sh", f"config/{name}.properties"], cwd=directory,
                                            stdout=out, stderr=subprocess.STDOUT)

    def said(self):
        with open(self.path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def started(self):
        deadline = time.monotonic() + SECONDS_MAX
        while time.monotonic() < deadline and self.process.poll() is None and "Server started" not in self.said():
            time.sleep(0.05)
        return "Server started" in self.said() and self.process.poll() is None

    def ended(self):
        try:
            return self.process.wait(SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return None


def type_lines(count, terminal, text):
    """Types the lines; all they print."""
    everything = ""
    for line in text.strip().splitlines():
        status, said = terminal.type(line)
        count.check(line[:100], status == 0, f"exit {status}: {said}")
        everything += said
    return everything


def talk(count, terminal):
    said = type_lines(count, terminal, TALK)
    count.check("what was written is read", "This is my first event\nThis is my second event\n" in said, said)


def one_node(count, directory, stopped):
    terminal = Terminal(directory)
    type_lines(count, terminal, QUICKSTART)
    server = Server(directory, "server")
    count.check("Apache Kafka's config/server.properties starts it, unchanged", server.started(), server.said()[-2000:])
    talk(count, terminal)
    type_lines(count, terminal, "bin/kafka-server-stop.sh")
    count.check("and it stops", server.ended() == stopped, f"exit {server.process.returncode}")
    daemon(count, directory)
    count.check("nothing was said of an unknown key", "unknown configuration key" not in server.said())


def daemon(count, directory):
    """Without LOG_DIR what -daemon prints is in the distribution's logs/, wherever it was typed."""
    terminal = Terminal("/")
    type_lines(count, terminal, f"{directory}/bin/kafka-server-start.sh -daemon {directory}/config/server.properties")
    path, deadline, said = os.path.join(directory, "logs", "kafkaServer.out"), time.monotonic() + SECONDS_MAX, ""
    while time.monotonic() < deadline and "Server started" not in said:
        time.sleep(0.05)
        if os.path.exists(path):
            with open(path, encoding="utf-8", errors="replace") as f:
                said = f.read()
    count.check("a daemon writes to logs/ beside bin/", "Server started" in said, said[-2000:])
    with open(os.path.join(directory, "logs", "server.log"), encoding="utf-8", errors="replace") as f:
        count.check("logs/server.log says the same", said in f.read())
    terminal.type(f"until ! {directory}/bin/kafka-server-stop.sh; do sleep 0.1; done")


def two_nodes(count, directory, stopped):
    terminal = Terminal(directory)
    type_lines(count, terminal, APART)
    servers = [Server(directory, name) for name in ("controller", "broker")]
    count.check("config/controller.properties and config/broker.properties start two",
                all(s.started() for s in servers), "".join(s.said()[-2000:] for s in servers))
    talk(count, terminal)
    for server, role, n in ((servers[1], "broker", 2), (servers[0], "controller", 1)):
        which = f"--process-role={role}" if stopped == 0 else f"--node-id={n}"
        type_lines(count, terminal, f"bin/kafka-server-stop.sh {which}")
        count.check(f"the {role} stops", server.ended() == stopped, f"exit {server.process.returncode}")
    status, said = terminal.type("bin/kafka-server-stop.sh")
    count.check("then there is none to stop", status == 1 and "No kafka server to stop" in said, said)


def run_script(count, name, command, cwd, says):
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=SECONDS_MAX * 2, check=False)
    except subprocess.TimeoutExpired as e:
        count.check(name, False, str(e))
        return
    count.check(name, done.returncode == 0 and says in done.stdout, f"exit {done.returncode}\n{done.stdout}{done.stderr}")


def scripts(count, directory):
    data = tempfile.mkdtemp(prefix="scripted-")
    path = os.path.join(data, "script")
    with open(path, "w", encoding="utf-8") as f:
        f.write(SCRIPT)
    run_script(count, "a script that knows a distribution by its path", ["bash", path, directory, data], data,
               SCRIPT_SAYS)
    if os.path.exists(SHARED):
        run_script(count, "and one that was there before", ["bash", "-c",
                   '"$1" up "$2" "$3" 3 && until "$2/bin/kafka-topics.sh" --bootstrap-server 127.0.0.1:9092 --create '
                   '--topic found --replication-factor 3 --partitions 2; do sleep 0.2; done; "$1" down "$3"',
                   "bash", SHARED, directory, os.path.join(data, "before")], data, "Created topic found.")


def same_keys(count):
    """The checkout's own config/ has the files, with the same keys and values."""
    for name, properties in SHIPPED.items():
        path = os.path.join(ROOT, "config", f"{name}.properties")
        with open(path, encoding="utf-8") as f:
            mine = dict(line.strip().split("=", 1) for line in f if line.strip() and not line.startswith("#"))
        wanted = {k: str(v) for k, v in properties.items()}
        count.check(f"config/{name}.properties has Apache Kafka's keys and values", mine == wanted,
                    str(set(mine.items()) ^ set(wanted.items())))


# Tools of Apache Kafka's bin/ that Samsa does not have.
ABSENT = """acls client-metrics console-share-consumer delegation-tokens groups jmx metadata-shell replica-verification
share-consumer-perf-test share-groups streams-application-reset streams-groups transactions verifiable-share-consumer"""


def absent_tools(count):
    """A name that is there, and says what is missing."""
    wrong = []
    for name in ABSENT.split():
        done = subprocess.run([os.path.join(ROOT, "bin", f"kafka-{name}.sh"), "--list"], capture_output=True, text=True,
                              check=False)
        if done.returncode != 1 or not done.stderr.startswith(f"kafka-{name}.sh is not part of Samsa"):
            wrong.append(f"{name}: exit {done.returncode}, {done.stderr}")
    count.check("a tool that is not here says so", not wrong, "\n".join(wrong))


def main():
    home = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ROOT
    stopped = 0 if home == ROOT else 143
    os.environ.update(KAFKA_HEAP_OPTS="-Xms64m -Xmx256m", KAFKA_JIT="1")
    count = Count()
    same_keys(count)
    if home == ROOT:
        absent_tools(count)
    directory = layout(home)
    for part in (lambda: one_node(count, directory, stopped), lambda: two_nodes(count, directory, stopped),
                 lambda: scripts(count, directory)):
        try:
            part()
        except (OSError, RuntimeError) as e:
            count.check("a part comes to its end", False, f"{type(e).__name__}: {e}")
    return count.finish()


if __name__ == "__main__":
    sys.exit(inside_namespaces(main))
