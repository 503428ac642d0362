"""Commands that are seldom given: patterns as Java writes them, numbers at their bounds, files with mistakes,
properties of clients. What stands behind <<< is the standard input; lines with ~ before them may come in any
order."""
from comparison import Case

PATTERNS = r"""
topics --list --topic 'fi\w+'
topics --list --topic '\w{5}'
topics --list --topic '(?i)FIRST'
topics --list --topic 'f.*?t'
topics --list --topic '(?!__)f.*'
topics --list --topic '\p{Alpha}irst'
topics --list --topic '\Qfirst\E'
topics --list --topic 'first, second'
topics --list --topic "'first'"
topics --list --topic '*'
topics --list --topic '['
topics --list --topic '('
topics --list --topic ')'
topics --list --topic 'a{1'
topics --list --topic 'a{2,1}'
topics --list --topic '[z-a]'
topics --list --topic 'first\z'
topics --list --topic 'fir(?<x>s)t'
topics --list --topic '(f)irs\1'
topics --list --topic 'fir\u0073t'
topics --describe --topic 'f\w+t'
get-offsets --topic '(?i)FIRST'
get-offsets --topic '['
get-offsets --topic-partitions 'f\w+:0,first:2'
get-offsets --topic first --partitions ,
get-offsets --topic first --partitions 0,,1
get-offsets --topic first --partitions 99999999999
consumer-groups --validate-regex '(?i)a'
consumer-groups --validate-regex '(?=a)b'
consumer-groups --validate-regex '(a)\1'
consumer-groups --validate-regex 'a++'
consumer-groups --validate-regex 'a)'
consumer-groups --validate-regex 'a{1001}'
consumer-groups --validate-regex '[z-a]'
consumer-groups --validate-regex '\p{Lower}'
consumer-groups --validate-regex '(?P<n>a)'
"""

GROUPS = r"""
consumer-groups --list --timeout -1
consumer-groups --describe --group committed --timeout -1
consumer-groups --list --state ' stable , bogus '
consumer-groups --delete-offsets --group committed --topic nosuch
~consumer-groups --reset-offsets --group r{T} --topic first --to-offset 3 --execute
~consumer-groups --reset-offsets --group r{T} --topic first --shift-by -2000 --execute
~consumer-groups --reset-offsets --group r{T} --topic first --to-latest --export --dry-run
~consumer-groups --reset-offsets --group r{T} --group s{T} --topic first --to-earliest --export --execute
~consumer-groups --reset-offsets --group r{T} --from-file {J:first,0,2\nfirst,1,3} --execute
~consumer-groups --reset-offsets --group r{T} --group s{T} --from-file {J:r{T},first,0,2\ns{T},first,1} --execute
~consumer-groups --reset-offsets --group r{T} --group s{T} --from-file {J:first,0,2} --execute
~consumer-groups --reset-offsets --group r{T} --from-file {J:first,0,2,5,6} --dry-run
~consumer-groups --reset-offsets --group r{T} --from-file {J:first} --dry-run
~consumer-groups --reset-offsets --group r{T} --from-file {J:} --dry-run
~consumer-groups --reset-offsets --group r{T} --from-file {J:\n} --dry-run
~consumer-groups --reset-offsets --group r{T} --from-file {J:first,0,x} --dry-run
~consumer-groups --reset-offsets --group r{T} --from-file {J:first,0,2\n\nfirst,1,2} --dry-run
~consumer-groups --reset-offsets --group r{T} --from-file {J:first,0,2\nfirst,0,3} --dry-run
~consumer-groups --reset-offsets --group r{T} --from-file {J:first,0,2\nfirst,1,x} --dry-run
~consumer-groups --reset-offsets --group r{T} --from-file {J:x{T},first,0,2} --dry-run
~consumer-groups --describe --group r{T}
consumer-groups --delete --group r{T} --group r{T}
"""

CONSOLES = r"""
console-producer --topic {T}-o --max-memory-bytes 10 <<< a\nb\n
console-producer --topic {T}-o --max-memory-bytes 100 <<< a\nb\n
console-producer --topic {T}-o --max-memory-bytes x <<< a\n
console-producer --topic {T}-o --command-property compression.type=foo <<< c\n
console-producer --topic {T}-o --command-property max.request.size=95 <<< short\nlooooooooooooong\nagain\n
console-producer --topic {T}-o --sync --command-property max.request.size=95 <<< short\nlooooooooooooong\nagain\n
console-producer --topic {T}-o <<< a\rb\r\nc\r\r\nd
console-producer --topic {T}-o --command-property bootstrap.servers=nosuch:1 <<< via\n
console-producer --topic {T}-o --command-property enable.idempotence=true --request-required-acks 1 <<< x\n
console-producer --topic {T}-o --message-send-max-retries 0 --request-timeout-ms 60000 <<< once\n
console-producer --topic {T}-o --batch-size 0 <<< alone\n
console-producer --topic {T}-o --timeout 200000 <<< late\n
console-producer --topic {T}-o --command-property delivery.timeout.ms=5 <<< x\n
console-consumer --topic {T}-o --partition 0 --offset earliest --max-messages 13
topics --create --topic {T}-four --partitions 4
console-producer --topic {T}-four --command-property partitioner.class=org.apache.kafka.clients.producer.RoundRobinPartitioner <<< 1\n2\n3\n4\n5\n6\n7\n8\n
get-offsets --topic {T}-four
console-producer --topic {T}-four --command-property partitioner.class=nosuch.Class <<< 1\n
console-producer --topic {T}-oh --reader-property parse.headers=true <<< \tempty\n
console-producer --topic {T}-oh --reader-property parse.key=true --reader-property key.separator= <<< k\tv\n
console-consumer --topic {T}-oh --partition 0 --offset earliest --max-messages 1 --formatter-property print.key=true
~console-consumer --include '{T}-o(?=h|$)h?' --from-beginning --max-messages 14
console-consumer --include '[' --from-beginning --timeout-ms 2000
console-consumer --topic {T}-o --group {LONG}{T} --from-beginning --max-messages 1
consumer-groups --describe --group {LONG}{T} --state
console-consumer --topic {T}-o --command-property auto.offset.reset=none --timeout-ms 20000
console-consumer --topic {T}-o --command-property fetch.max.bytes=1 --from-beginning --max-messages 3
console-consumer --topic {T}-o --command-property session.timeout.ms=1 --from-beginning --max-messages 1
"""

FILES = r"""
dump-log --files {L}/first-0/00000000000000000000.log --max-bytes -1
dump-log --files {L}/first-0/00000000000000000000.log --max-bytes 0
dump-log --files {L}/first-0/00000000000000000000.log --max-bytes x
dump-log --files {L}/first-0/00000000000000000000.log --remote-log-metadata-decoder
dump-log --files {L}/first-0/00000000000000000000.log --cluster-metadata-decoder --skip-record-metadata
dump-log --files {L}/first-0/00000000000000000000.log --value-decoder-class nosuch
dump-log --files ,{L}//first-0/00000000000000000000.log,
dump-log --files {L}/first-0/
dump-log --files {L}/first-1/00000000000000000009.snapshot
storage format -c {P} -t MkU3OEVBNTcwNTJENDM2Qk --feature metadata.version=99
storage format -c {P} -t MkU3OEVBNTcwNTJENDM2Qk -s --feature metadata.version=99
"""

WITHOUT_SERVER = ("dump-log", "storage")


def odd():
    for line in (PATTERNS + GROUPS + CONSOLES + FILES).replace("{LONG}", "a" * 70).strip().splitlines():
        if not line:
            continue
        command, _, stdin = line.lstrip("~").partition(" <<< ")
        tool, _, args = command.partition(" ")
        yield Case(tool, args, unordered=line.startswith("~"),
                   stdin=stdin.encode().decode("unicode_escape") if stdin else None,
                   server=tool not in WITHOUT_SERVER and "--validate-regex" not in args)
