#!/usr/bin/env bash
# Debian's kcat: produces keyed records with each codec, reads them back by partition and by group.
set -u
bootstrap=$1 prefix=$2
here=$(cd "$(dirname "$0")/../../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
seq 1 10000 | awk '{printf "k%d|v%d\n", $1 % 100, $1}' >"$work/in"
sort "$work/in" >"$work/sorted"

scenario() {
    local codec=$1 topic=$prefix-$1
    "$here/bin/kafka-topics.sh" --bootstrap-server "$bootstrap" --create --topic "$topic" --partitions 4 \
        --replication-factor 1 >/dev/null || { echo "create failed"; return 1; }
    kcat -P -b "$bootstrap" -t "$topic" -K '|' -z "$codec" -H h=1 <"$work/in" || { echo "produce failed"; return 1; }
    kcat -C -b "$bootstrap" -t "$topic" -o beginning -e -q -f '%k|%s\n' 2>/dev/null | sort >"$work/out"
    cmp -s "$work/sorted" "$work/out" || { echo "read back $(wc -l <"$work/out") of 10000"; return 1; }
    kcat -C -b "$bootstrap" -t "$topic" -o beginning -e -q -f '%p %o %h\n' 2>/dev/null |
        awk '{ if ($2 != n[$1]++ || $3 != "h=1") bad = 1 } END { exit bad }' || { echo "offsets or headers differ"; return 1; }
    kcat -b "$bootstrap" -G "g-$topic" -X auto.offset.reset=earliest -c 6000 -q -f '%k|%s\n' "$topic" \
        2>/dev/null >"$work/first"
    kcat -b "$bootstrap" -G "g-$topic" -X auto.offset.reset=earliest -c 4000 -q -f '%k|%s\n' "$topic" \
        2>/dev/null >"$work/second"
    cat "$work/first" "$work/second" | sort -u >"$work/out"
    cmp -s "$work/sorted" "$work/out" || { echo "the group read $(wc -l <"$work/out") of 10000"; return 1; }
}

for codec in none gzip snappy lz4 zstd; do
    if why=$(timeout 60 bash -c "$(declare -f scenario); bootstrap=$bootstrap prefix=$prefix here=$here work=$work; scenario $codec"); then
        echo "ok kcat $codec"
    else
        echo "FAIL kcat $codec ${why:-took too long}"
    fi
done
