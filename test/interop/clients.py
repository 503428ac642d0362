#!/usr/bin/env python3
"""Real clients against one node: each does what clients/scenario.md says, with each codec it has.

    test/interop/clients.py [NAME ...]     java-4.3 java-2.8 spring confluent kcat franz kafkajs kafka-python streams mirror

What a client needs is installed under build/test/clients (the clients' own package managers)."""
import os
import shutil
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import ROOT, Count, Node  # noqa: E402

HERE = os.path.join(ROOT, "test", "interop", "clients")
WORK = os.path.join(ROOT, "build", "test", "clients")
CLIENT_SECONDS_MAX = 420


def run(command, **kwargs):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=900, **kwargs)


def copied(name):
    """A copy of a client's folder, so that its package manager writes nowhere else."""
    target = os.path.join(WORK, name)
    shutil.copytree(os.path.join(HERE, name), target, dirs_exist_ok=True)
    return target


def java(release):
    libs = os.path.join(WORK, f"java-{release}")
    run([os.path.join(ROOT, "test/interop/apache-kafka"), release, libs], env=dict(os.environ, CLIENT_ONLY="1"))
    short = "java-" + ".".join(release.split(".")[:2])
    return lambda bootstrap: [["java", "-XX:+UseSerialGC", "-cp", f"{libs}/libs/*",
                               os.path.join(HERE, "java", "Scenario.java"), bootstrap, short, short]]


def java_program(source, *arguments):
    """A program over Kafka Streams' and MirrorMaker 2's libraries."""
    libs = os.path.join(WORK, "java-4.3.1-streams")
    run([os.path.join(ROOT, "test/interop/apache-kafka"), "4.3.1", libs],
        env=dict(os.environ, CLIENT_ONLY="kafka-streams connect-mirror"))
    return ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", f"{libs}/libs/*",
            os.path.join(HERE, "java", source), *arguments]


def python(program, *packages):
    venv = os.path.join(WORK, "venv")
    if not os.path.exists(os.path.join(venv, "bin", "pip")):
        run([sys.executable, "-m", "venv", venv])
    run([os.path.join(venv, "bin", "pip"), "install", "-q", *packages])
    return lambda bootstrap: [[os.path.join(venv, "bin", "python"), os.path.join(HERE, program), bootstrap,
                               program.removesuffix(".py")]]


def kafkajs():
    folder = copied("js")
    run(["npm", "install", "--no-audit", "--no-fund"], cwd=folder)
    return lambda bootstrap: [["node", os.path.join(folder, "scenario.js"), bootstrap, "kafkajs"]]


def franz():
    folder = copied("go")
    run(["go", "build", "-o", "scenario", "."], cwd=folder)
    return lambda bootstrap: [[os.path.join(folder, "scenario"), bootstrap, "franz"]]


def spring():
    folder = copied("spring")
    run(["mvn", "-q", "-B", "package"], cwd=folder)
    return lambda bootstrap: [["env", f"BOOTSTRAP={bootstrap}", f"FIRST={first}", "COUNT=100",
                               "java", "-XX:+UseSerialGC", "-jar", os.path.join(folder, "target", "spring.jar")]
                              for first in (0, 100)]


def kcat():
    return lambda bootstrap: [["bash", os.path.join(HERE, "kcat.sh"), bootstrap, "kcat"]]


CLIENTS = {
    "java-4.3": lambda: java("4.3.1"),
    "java-2.8": lambda: java("2.8.2"),
    "spring": spring,
    "confluent": lambda: python("confluent.py", "confluent-kafka"),
    "kcat": kcat,
    "franz": franz,
    "kafkajs": kafkajs,
    "kafka-python": lambda: python("kafka_python.py", "kafka-python", "python-snappy", "lz4", "zstandard"),
}


def take_line(count, line, node):
    if line.startswith(("ok ", "FAIL ")):
        count.check(line.split(" ", 1)[1].strip(), line.startswith("ok "))
    elif line.strip() == "KILL":
        node.kill()
        node.start()


def run_program(count, name, command, node):
    """Its lines are taken as they come: KILL asks for the node's process to be killed, and started again."""
    with (tempfile.TemporaryDirectory(prefix="samsa-test-") as scratch,
          subprocess.Popen([command[0], f"-Djava.io.tmpdir={scratch}", *command[1:]], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, text=True) as process):
        timer = threading.Timer(CLIENT_SECONDS_MAX, process.kill)
        timer.start()
        lines = 0
        for line in process.stdout:
            lines += 1
            take_line(count, line, node)
        timer.cancel()
    count.check(f"{name} ends", lines > 0 and process.returncode == 0, f"status {process.returncode} after {lines} lines")


def run_streams(count, node):
    run_program(count, "kafka-streams", java_program("Streams.java", node.bootstrap, "streams"), node)


def run_mirror(count, node):
    with Node(home=node.home) as other:
        other.format().start()
        run_program(count, "mirror-maker", java_program("Mirror.java", node.bootstrap, other.bootstrap), node)
        other.stop()


def run_client(count, name, node):
    try:
        commands = CLIENTS[name]()(node.bootstrap)
    except subprocess.CalledProcessError as e:
        count.check(f"{name} can be installed", False, e.stdout[-2000:])
        return
    for command in commands:
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  timeout=CLIENT_SECONDS_MAX, check=False)
        except subprocess.TimeoutExpired as e:
            count.check(f"{name} ends", False, str(e.stdout)[-1000:])
            continue
        lines = [line for line in done.stdout.splitlines() if line.startswith(("ok ", "FAIL "))]
        for line in lines:
            count.check(line.split(" ", 1)[1], line.startswith("ok "))
        if not lines:
            count.check(f"{name} says something", False, done.stdout[-1000:] + done.stderr[-1000:])


PROGRAMS = {"streams": run_streams, "mirror": run_mirror}


def main():
    count = Count()
    os.makedirs(WORK, exist_ok=True)
    with Node(home=os.environ.get("SAMSA_HOME", ROOT)) as node:
        node.format().start()
        for name in sys.argv[1:] or [*CLIENTS, *PROGRAMS]:
            if name in PROGRAMS:
                PROGRAMS[name](count, node)
            else:
                run_client(count, name, node)
        count.check("the node lives", node.process.poll() is None, node.log_tail())
        node.stop()
    return count.finish()


if __name__ == "__main__":
    sys.exit(main())
