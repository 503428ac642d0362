"""Apache Kafka's tools, run one after another in one JVM: `Resident(home).run("topics", ["--list", …])`.

Some are run as processes of their own all the same: those that wait for a signal, or read what is not
standard input's text."""
import json
import os
import re
import select
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
ALONE = {"verifiable-producer", "verifiable-consumer", "server-start", "server-stop"}


class Answer:
    def __init__(self, returncode, stdout, stderr):
        self.returncode, self.stdout, self.stderr = returncode, stdout, stderr


class Resident:
    def __init__(self, home):
        self.home = home
        self.process = None

    def start(self):
        environment = dict(os.environ, CLASSPATH="")
        # no log: clients that an earlier tool left open would write between the words of a later one
        self.process = subprocess.Popen(
            ["java", "-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.security.manager=allow",
             "-Dkafka.log.level=OFF", f"-Dlog4j2.configurationFile={self.home}/config/log4j2.yaml",
             "-cp", os.path.join(self.home, "libs", "*"), os.path.join(HERE, "Resident.java")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1,
            env=environment)

    def class_of(self, tool):
        with open(os.path.join(self.home, "bin", f"kafka-{tool}.sh"), encoding="utf-8") as f:
            return re.search(r"org\.apache\.kafka\.\S+|kafka\.\w+\.\w+", f.read())[0]

    def run(self, tool, args, stdin=None, timeout=60):
        """Raises subprocess.TimeoutExpired as subprocess.run does."""
        if tool in ALONE:
            done = subprocess.run([os.path.join(self.home, "bin", f"kafka-{tool}.sh"), *args], input=stdin,
                                  capture_output=True, text=True, timeout=timeout, check=False)
            return Answer(done.returncode, done.stdout, done.stderr)
        if not self.process or self.process.poll() is not None:
            self.start()
        self.process.stdin.write(json.dumps({"class": self.class_of(tool), "args": list(args),
                                             "stdin": stdin or ""}) + "\n")
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], timeout)[0]:
            self.close()
            raise subprocess.TimeoutExpired(tool, timeout)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the JVM ended while it ran {tool} {' '.join(args)}")
        answer = json.loads(line)
        return Answer(answer["exit"], answer["stdout"], answer["stderr"])

    def close(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None
